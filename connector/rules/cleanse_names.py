"""Keys for comparing names of people and companies. As in `cleanse`: idempotent, for any text, never written back."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import jaconv

from connector.rules.cleanse import fold, words

_LONGEST_NAME = 200
"""What is longer is a text, not a name."""

# Typed beside a name, or in place of it. Only addresses with a dot in the host: `@cosme` is a company.
_ADDRESS = re.compile(r"[a-z0-9._%+'-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+|(?:https?://|www\.)[!-~]*")
_ERA = "明治|大正|昭和|平成|令和"
_DIGITS = "0123456789"


def _pairs(table: str) -> dict[str, str]:
    return {pair[0]: pair[1] for pair in table.split()}


STRICT = _pairs(
    """
    邊辺 邉辺 齋斎 齊斉 髙高 﨑崎 嵜崎 㟢崎 𠮷吉 濵浜 濱浜 澤沢 櫻桜 廣広 德徳 惠恵 眞真 國国 圀国
    學学 斈学 實実 寳宝 寶宝 榮栄
    靜静 瀨瀬 瀧滝 槇槙 萬万 與与 豐豊 彌弥 禮礼 壽寿 壯壮 淸清 祿禄 曾曽 增増 藏蔵 薮藪 籔藪 鹽塩 關関 縣県 圓円
    應応 會会 繪絵 壹壱 貳弐 衞衛 爲為 營営 驛駅 緣縁 奧奥 溫温 穩穏 樂楽 勸勧 卷巻 觀観 嚴厳 巖巌 龜亀 氣気 歸帰 擧挙
    峽峡 堯尭 曉暁 勳勲 勛勲 薰薫 鷄鶏 藝芸 儉倹 劍剣 剱剣 釼剣 檢検 顯顕 權権 黃黄 橫横 恆恒 鑛鉱 號号 黑黒 濟済 參参
    產産 贊賛 蠶蚕 絲糸 齒歯 兒児 寫写 釋釈 收収 從従 澁渋 澀渋 縱縦 肅粛 敍叙 將将 奬奨 條条 乘乗 淨浄 疊畳 讓譲 愼慎
    盡尽 粹粋 穗穂 隨随 數数 聲声 攝摂 專専 淺浅 錢銭 禪禅 雙双 莊荘 總総 聰聡 卽即 續続 對対 體体 帶帯 臺台 擇択 擔担
    單単 團団 彈弾 晝昼 蟲虫 廳庁 聽聴 鎭鎮 鐵鉄 銕鉄 鐡鉄 點点 轉転 傳伝 燈灯 當当 稻稲 獨独 讀読 腦脳 賣売 麥麦 發発
    髮髪 祕秘 拂払 佛仏 變変 步歩 萠萌 每毎 滿満 譯訳 藥薬 遙遥 樣様 謠謡 譽誉 來来 賴頼 覽覧 兩両 凉涼 綠緑 勵励 靈霊
    齡齢 曆暦 歷歴 戀恋 勞労 郞郎 錄録 灣湾 亙亘 嶌嶋 栁柳 桺柳 桒桑 𣘺橋 槗橋 枩松 柗松 舩船 𠩤原 圡土 戶戸 曻昇 渊淵
    凞熙 煕熙 鷗鴎 檜桧 靏鶴 靍鶴 靎鶴 吳呉 俠侠 啓啟 彥彦 晉晋 寬寛 寕寧 夛多 㐂喜 亰京 敎教 昻昂 柹柿 枾柿 豎竪 壺壷
    禰祢 螢蛍 蔣蒋 鄕郷 鄉郷 銳鋭 鄰隣 冲沖 蘆芦 珎珍 瑤瑶 飜翻 經経 繩縄 穰穣 顏顔 姬姫 逹達 廐厩 廏厩 籠篭 蠣蛎
    ヶケ ヵカ
    """
)
"""The same character in another shape: old and new forms, variants of one family register or another."""

LOOSE = _pairs(
    """
    斉斎 嶋島 冨富 舘館 峯峰 龍竜 埜野 嶽岳 碕崎 埼崎 邨村 渕淵 桝枡 舛枡 椙杉 杦杉 穐秋 籐藤 薗園 阪坂 凛凜 諌諫 鴈雁
    睿叡 喆哲 苅刈 穎頴 廸迪 悳徳 迺乃 畠畑 礒磯 湧涌 絋紘 耀燿 晧皓 駈駆 罡岡 崗岡 洌冽
    """
)
"""Different characters that are often typed for each other. For people; it would join namesakes among companies."""

_STRICT = str.maketrans(STRICT)
_FOR_PEOPLE = str.maketrans(LOOSE | {variant: LOOSE.get(kept, kept) for variant, kept in STRICT.items()})


_REPEATED = re.compile(r"(.)(々+)")


def _unrepeat(text: str) -> str:
    """佐々木 as 佐佐木."""
    return _REPEATED.sub(lambda match: match[1] * (1 + len(match[2])), text) if "々" in text else text


# --- companies --------------------------------------------------------------------------------------------------------

# Without the forms of law, tax and audit firms: those tell apart independent firms of one brand.
_FORM_WORDS = words(
    """
    株式会社 有限会社 合同会社 合資会社 合名会社 相互会社 特定目的会社 有限責任事業組合 農事組合法人
    一般社団法人 公益社団法人 社団法人 一般財団法人 公益財団法人 財団法人 特定非営利活動法人 npo法人
    医療法人社団 医療法人財団 社会医療法人 医療法人 社会福祉法人 学校法人 宗教法人
    独立行政法人 地方独立行政法人 国立研究開発法人 国立大学法人 公立大学法人
    カブシキガイシヤ ユウゲンガイシヤ ゴウドウガイシヤ
    """
)
_FORMS = "|".join(sorted(_FORM_WORDS, key=len, reverse=True))  # longest first, as an alternation needs them
_SHORT_FORMS = "株|有|合|同|資|名|相|財|社|医|学|福|独|宗|特非|npo|一社|一財|公社|公財|医社|社福|カ|ユ|ド"
_BRACKETED_FORM = re.compile(rf"\((?:{_SHORT_FORMS})(?:\)|$)|^(?:{_SHORT_FORMS})\)")
_LATIN_FORMS = (
    r"co|company|corp|corporation|inc|incorporated|ltd|limited|llc|llp|plc|gmbh|ag|s\.?a|b\.?v|pte|pty"
    r"|k\.?k|g\.?k|kabushiki kaisha|kabushiki gaisha|godo kaisha"
)
_BRANCH = "支店|支社|営業所|事業所|出張所|本社|本店"
_PLACE_WORDS = words(
    """
    北海道 青森 岩手 宮城 秋田 山形 福島 茨城 栃木 群馬 埼玉 千葉 東京 神奈川 新潟 富山 石川 福井 山梨 長野 岐阜 静岡
    愛知 三重 滋賀 京都 大阪 兵庫 奈良 和歌山 鳥取 島根 岡山 広島 山口 徳島 香川 愛媛 高知 福岡 佐賀 長崎 熊本 大分 宮崎
    鹿児島 沖縄 札幌 仙台 さいたま 横浜 川崎 相模原 浜松 名古屋 堺 神戸 北九州 関東 関西 中部 東北 九州 東海 北陸 四国
    首都圏 東日本 西日本 北関東 南関東 東関東 西関東 北東北 南東北 甲信越 北信越 信越 京浜 京葉 湘南 多摩 阪神 京阪
    北大阪 南大阪 東大阪 中国 中四国 南九州 西九州 城東 城西 城南 城北 八王子 立川 町田 厚木 船橋 つくば 金沢 松本 沼津
    豊田 姫路 高崎
    """
)
_PLACES = "|".join(_PLACE_WORDS)
_HEAD = re.compile(rf"^(?:{_FORMS})[\s・,.]*")
_TAIL = re.compile(
    rf"(?:{_FORMS})$"
    rf"|[\s,.()・&-]+(?:{_LATIN_FORMS})\.?$"
    rf"|[\s・/]\S{{0,15}}(?:{_BRANCH})$"  # a word of its own
    rf"|(?:{_FORMS})\S{{0,15}}(?:{_BRANCH})$"  # right behind the legal form
    rf"|(?:{_PLACES})(?:{_BRANCH})$"
    r"|(?<!日)本社$"  # but not the end of 日本社
    r"|御中$|(?<=..)様$"
)
_SMALL_KANA = str.maketrans("ァィゥェォッャュョヮ", "アイウエオツヤユヨワ")
# As keys: ダミー has lost its long mark.
_NOT_A_COMPANY = words(
    """
    なし ナシ 無し 無 無い ありません 特になし とくになし 該当なし 該当無し 所属なし 無所属 会社なし 会社名なし
    不明 未入力 未記入 未回答 未定 未登録 未設定 非公開 匿名 匿名希望 空欄 空白 同上 その他
    会社名 企業名 法人名 貴社名 御社名 勤務先 勤務先名 勤務先なし 自社 弊社 当社 自宅
    個人 個人事業主 個人事業 個人利用 個人名 個人宅 自営 自営業 フリーランス フリータ 会社員 公務員 アルバイト
    無職 求職中 就活中 退職 退職済 退職済み 学生 大学生 高校生 主婦 専業主婦 主夫
    テスト テスト会社 テスト企業 てすと サンプル サンプル会社 ダミ ダミ会社 ほげ ほげほげ ホゲ ホゲホゲ
    test test会社 testcompany sample samplecompany dummy hoge hogehoge aaa aaaa xxx xxxx asdf qwerty
    none null na non unknown undefined individual freelance freelancer student
    なし個人 個人なし 個人のお客 確認中 要確認 同左 上記 会社 企業 団体 団体職員 メーカ it企業 銀行 病院 大学 学校 役所
    市役所 区役所 役場 県庁 都庁 府庁 農業 医師 看護師 教員 教師 サラリーマン フリ 自由業 派遣社員
    """
)
# Numbers of telephones, dates, 法人番号; a date in words; nothing but あ.
_NO_COMPANY = re.compile(
    r"(?:tel|fax|t)?[+\d]\d{5,}(?:代表?)?"
    rf"|(?:(?:{_ERA})?(?:\d+|元)年)?\d+月\d+日[\d時分秒]*"
    r"|[あア]+|[0&+]*|[a-z某]社|[a-z]"
)


_DASH_IN_KATAKANA = re.compile(r"(?<=[ァ-ヺ])-(?=[ァ-ヺ])")
_ONE_IN_KATAKANA = re.compile(r"(?<=[ァ-ヺ])一(?=[ァ-ヺ])")
_LAST_MARK = re.compile(r"ー+(?![ァ-ヺー])")
_SIGNS = re.compile(r"[^\w&+]|_")


@lru_cache(maxsize=65_536)
def company_key(raw: str) -> str | None:
    """The core of a company's name: without legal form, branch, spaces and signs; old shapes of kanji folded.

    Words of a group (ホールディングス, グループ), of a place or a trade stay: they tell companies apart. None for what
    people type where there is no company: なし, 個人, テスト, a date, a telephone number, an address.
    """
    text = fold(raw[: 10 * _LONGEST_NAME]).lower()
    if len(text) > _LONGEST_NAME:
        return None
    # Each sign is looked for before the pattern that needs it: few names have it, and looking costs a tenth.
    if "." in text or "//" in text:
        text = _ADDRESS.sub(" ", text)
    if "(" in text or ")" in text:
        text = _BRACKETED_FORM.sub(" ", text)
    text = _unrepeat(text.translate(_STRICT)).translate(_SMALL_KANA)
    if "-" in text:
        text = _DASH_IN_KATAKANA.sub("ー", text)
    core = _trim(text.strip())
    if not core.isalnum():
        core = _SIGNS.sub("", core)
    if "一" in core:
        core = _ONE_IN_KATAKANA.sub("ー", core)
    if "ー" in core:
        core = _LAST_MARK.sub("", core)
    core = _trim(core)
    return None if core.rstrip(_DIGITS) in _NOT_A_COMPANY or _NO_COMPANY.fullmatch(core) else core


def _trim(text: str) -> str:
    """Without legal forms at either end and without the branch at the end."""
    while (shorter := _TAIL.sub("", _HEAD.sub("", text)).strip()) != text:
        text = shorter
    return text


# --- people -----------------------------------------------------------------------------------------------------------

JAPANESE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")
_POSTS = "代表取締役(?:社長)?|取締役|社長|会長|専務|常務|本部長|部長|次長|課長|係長|室長|所長|店長|支店長|工場長|主任"
_HONORIFIC = re.compile(rf"(?<=..)(?:(?:{_POSTS})?(?:様|殿|先生|氏|さん|さま)|{_POSTS})$")
_TITLES = words("mr mrs ms miss dr prof san sama kun")
# Words, and Japanese names without spaces, as keys: katakana as hiragana.
_NOBODY = words(
    """
    なし 無し 特になし 該当なし 不明 氏名不明 ふめい 未入力 未記入 未回答 未定 未登録 未設定 非公開 空欄 空白 同上
    名無し 名なし 名前なし ななし 名無しさん 名無しの権兵衛 匿名 匿名希望 とくめい 氏名 姓名 名前 お名前
    ご担当 御担当 担当者 各位 関係者各位 御中 窓口 事務局 総務部 総務課 経理部 経理課 人事部 人事課 営業部 購買部
    総務 経理 人事 営業 情報しすてむ部 情報しすてむ課 しすてむ部 企画部 開発部 技術部 製造部 管理部 広報部 法務部
    品質管理部
    代表 代表者 代表取締役 代表取締役社長 取締役 社長 会長 部長 課長 係長 店長 所長 支店長 工場長 院長 理事長
    管理者 しすてむ管理者 退職者 退職済 退職済み 削除済 削除済み 仮登録 げすと げすとゆーざー ゆーざー
    てすと てすとてすと てすと太郎 てすとたろう てすと花子 てすとはなこ てすと次郎 てすと一郎 てすと担当 てすとゆーざー
    さんぷる さんぷる太郎 さんぷる花子 だみー だみーだみー ほげ ほげほげ ほげ太郎 ほげふが あ ああ あいう
    あいうえお 〇 〇〇
    test tests tester testing testuser testtest dummy sample user guest aaa none null unknown na undefined anonymous
    noname nobody hoge hogehoge fuga piyo asdf asdfasdf asdfgh qwerty abc abcd xx xxx
    """
)
# Digits with the words of dates and times; the same in Latin letters; one letter three times or more; `N/A`; a role;
# signs that count as letters. Not in kanji: 四月一日 is a family name.
_NO_NAME = re.compile(
    rf"(?:{_ERA})?[\d年月日時分秒]*\d[\d年月日時分秒]*"
    r"|(?:(?:tel|fax|[mtshr])?\d+(?:t\d+|z)?(?: |$))+(?:tel|fax)?"
    r"|([a-zぁ-ゖ])(?: ?\1){2,}|a n|.*担当者?(?:各位)?|[ー〇]*"
)


_NO_LETTERS = re.compile(r"[\W_]")


def name_key(family: str = "", given: str = "", full: str = "") -> str | None:
    """A person's name for comparing, from its two parts where both are known, else from the whole.

    Japanese: one word, katakana as hiragana, variants of kanji folded (`STRICT` and `LOOSE`). Other scripts: the words
    in alphabetical order, without accents, so that `YAMADA Taro` equals `Taro Yamada`. None for what nobody is called:
    なし, ご担当者様, テスト, あああ, a date, a telephone number, an address.
    """
    both = bool(family.strip() and given.strip())
    parts = (family, given) if both else (full or family or given,)
    plain = [_plain(part) for part in parts]
    if None not in plain:
        key = "".join(filter(None, plain))
        if not _NEEDS_A_LOOK.search(key):
            return None if not key or key in _NOBODY or _NO_NAME.fullmatch(key) else key
    return _name_key(" ".join(parts))


# Most names are a few kanji or kana, which no folding changes but that of variants; and many bear the same ones.
_PLAIN = re.compile("[㐀-䶿一-鿿ぁ-ゖァ-ヺー 　]{0,20}")
_NEEDS_A_LOOK = re.compile("担当|様|殿|氏|先生|さん|さま|(?:役|[社会部次課係室所店場]長|専務|常務|主任)$")


@lru_cache(maxsize=65_536)
def _plain(part: str) -> str | None:
    """A part of such a name as a key; None for what is not so simple."""
    if not _PLAIN.fullmatch(part):
        return None
    return str(jaconv.kata2hira("".join(part.split()).translate(_FOR_PEOPLE)))


@lru_cache(maxsize=65_536)
def _name_key(raw: str) -> str | None:
    text = fold(raw[: 10 * _LONGEST_NAME]).lower()
    if len(text) > _LONGEST_NAME:
        return None
    text = _ADDRESS.sub(" ", _BRACKETS.sub(" ", text))
    japanese = _japanese(_NO_LETTERS.sub("", text))
    # An honorific alone does not make a name Japanese: Smith様.
    key = japanese if JAPANESE.search(japanese) else _western(JAPANESE.sub(" ", text))
    return None if _is_nobody(key) else key


def _is_nobody(key: str) -> bool:
    words_of_it = (word.strip(_DIGITS) for word in key.split())
    return all(not word or word in _NOBODY for word in words_of_it) or _NO_NAME.fullmatch(key) is not None


def _japanese(name: str) -> str:
    name = jaconv.kata2hira(_unrepeat(name.translate(_FOR_PEOPLE)))
    while (shorter := _HONORIFIC.sub("", name)) != name:
        name = shorter
    return name


def _western(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFD", text.replace("'", "")) if not unicodedata.combining(c))
    parts = sorted(_NO_LETTERS.sub(" ", plain).split())
    return " ".join([part for part in parts if part not in _TITLES] or parts)
