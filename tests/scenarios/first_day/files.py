"""The files of a company with nothing but exports, as Excel on a Japanese Windows saves them.

CP932, CRLF, full-width headers, leading zeros of telephone numbers gone, dates in eras, ㈱ 髙 ①, cells over several
lines, ¥ as a backslash. The people in them:

* 髙橋一郎, 東都精工㈱: known to sales, with an open deal that has not moved since January; comes to the booth
* 渡邉花子, ㈱北斗機械: her deal was lost in February for want of budget
* 小林誠, みなと商会: his deal was lost too, and he asked for no more mails
* 佐藤健, 新光テクノ㈱: nobody in sales knows him; card, booth and seminar within weeks
* 加藤結衣, 東都精工㈱: a colleague of 髙橋's; registered for the seminar and stayed away
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

AS_OF = datetime(2026, 4, 10, 0, 0, tzinfo=UTC)
"""The morning of the first day: 9:00 in Tokyo."""

CARDS = """\
会社名,部署名,役職,姓,名,ｅ－ｍａｉｌ,郵便番号,住所,ＴＥＬ会社,携帯電話,名刺交換日,備考
東都精工㈱,生産技術部,部長,髙橋,一郎,i.takahashi@toto-seiko.example,1000001,東京都千代田区千代田１－１,312345678,9011112222,2026/3/12,
新光テクノ㈱,第①開発課,課長,佐藤,健,t.sato@shinko.example,530001,大阪府大阪市北区梅田2-2,661112222,,令和8年3月12日,"展示会の前日に来社
①見積希望
②「年内に導入したい」とのこと"
㈱北斗機械,購買部,,渡邉,花子,hanako@hokuto.example,600001,北海道札幌市中央区北1条西1,112345678,,R7.11.5,
みなと商会,,代表,小林,誠,kobayashi@minato.example,2310001,神奈川県横浜市中区新港1,451234567,,H31.4.26,
"""

BOOTH = """\
来場日,お名前,御社名,メールアドレス,展示会名,ご要望
令和8年4月9日,髙橋　一郎,東都精工㈱,i.takahashi@toto-seiko.example,ものづくり展　春,"デモ希望
（来週）"
R8.4.9,佐藤 健,新光テクノ(株),T.SATO@shinko.example,ものづくり展　春,
"""

SEMINAR = """\
開催日,開始時刻,セミナー名,氏名,会社名,メールアドレス,電話番号,出欠
2026年4月2日,14:00,原価管理の勘所,佐藤健,新光テクノ株式会社,t.sato@shinko.example,0661112222,出席
2026年4月2日,14:00,原価管理の勘所,加藤 結衣,東都精工㈱,kato@toto-seiko.example,,欠席
2026年4月2日,14:00,原価管理の勘所,渡邉 花子,㈱北斗機械,hanako@hokuto.example,112345678,出席
"""

STOPPED = """\
メールアドレス,停止日
kobayashi@minato.example,令和7年12月1日
"""

CONTACTS = """\
担当者コード,担当者名,顧客名,メールアドレス,電話番号,営業担当,ＭＡスコア,スコア根拠,最終接点,連携ＩＤ
00012,髙橋　一郎,東都精工㈱,i.takahashi@toto-seiko.example,0312345678,営業　太郎,,,,
00034,渡邉　花子,㈱北斗機械,hanako@hokuto.example,112345678,営業　次郎,,,,
00056,小林　誠,みなと商会,kobayashi@minato.example,451234567,営業　次郎,,,,
"""

DEALS = """\
案件番号,案件名,顧客名,担当者コード,営業担当,進捗,進捗更新日,確度,受注予定金額,完了日,失注理由,商品
A-001,生産管理システム更新,東都精工㈱,00012,営業　太郎,見積提出,2026/1/20,B,"\\3,200,000",,,生産管理
A-002,在庫システム,㈱北斗機械,00034,営業　次郎,失注,2026/2/16,,"1,500,000円",令和8年2月16日,予算,在庫管理
A-003,受発注サイト,みなと商会,00056,営業　次郎,失注,2026/2/20,,800000,2026/2/20,時期,受発注
"""

MARKETING: Mapping[str, str] = {
    "名刺2026春.csv": CARDS,
    "展示会_ものづくり展.csv": BOOTH,
    "セミナー_20260402.csv": SEMINAR,
    "配信停止.csv": STOPPED,
}
SALES: Mapping[str, str] = {"担当者一覧.csv": CONTACTS, "案件一覧.csv": DEALS}


def as_excel_saves(content: str) -> bytes:
    """CP932; rows end in CRLF, lines within a cell in LF alone."""
    rows, quoted = [], False
    for character in content:
        quoted ^= character == '"'
        rows.append("\r\n" if character == "\n" and not quoted else character)
    return "".join(rows).encode("cp932")


def drop(folder: Path, files: Mapping[str, str]) -> None:
    """Put files into a folder, each a minute younger than the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, (name, content) in enumerate(files.items()):
        path = folder / name
        path.write_bytes(as_excel_saves(content))
        stamp = AS_OF.timestamp() - 3600 + 60 * n
        os.utime(path, (stamp, stamp))


def configure(root: Path, page: Path) -> None:
    """Write the configuration that a how-to page shows; files are taken at once, as if the reader were slower."""
    for block in re.findall(r"```yaml\n# (\S+)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        path = root / block[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block[1].replace("    encoding:", "    settle: 0s\n    encoding:"), encoding="utf-8")
    (root / "data").mkdir()


def company(root: Path) -> None:
    """The folders of the first day under `root`, with everything dropped."""
    drop(root / "exchange/marketing/in", MARKETING)
    drop(root / "exchange/sales/in", SALES)
    for side in ("marketing", "sales"):
        (root / "exchange" / side / "out").mkdir(parents=True, exist_ok=True)
