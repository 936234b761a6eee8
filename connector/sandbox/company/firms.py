"""What companies are called, and how people write that."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from connector.sandbox.company.names import table

_BRANDS = """
青葉 aoba|朝日野 asahino|東雲 shinonome|白鷺 shirasagi|みなと minato|大和田 owada|三栄 sanei|共立 kyoritsu
丸福 marufuku|北斗 hokuto|南洋 nanyo|富士見 fujimi|桜台 sakuradai|若葉 wakaba|千歳 chitose|八雲 yakumo|浜風 hamakaze
青嵐 seiran|日ノ出 hinode|城南 jonan|城北 johoku|山手 yamate|瑞穂野 mizuhono|秋津 akitsu|明星 myojo|新星 shinsei
大栄 daiei|光和 kowa|東邦 toho|西海 saikai|中央 chuo|協和 kyowa|誠和 seiwa|双葉 futaba|三葉 mitsuba|金剛 kongo
鶴見 tsurumi|亀山 kameyama|松風 matsukaze|竹之内 takenouchi|梅林 umebayashi|アルファ alpha|ミライ mirai
サンライズ sunrise|アーク ark|ネクサス nexus|クレスト crest|ブリッジ bridge|ソレイユ soleil|ルミナ lumina
"""
_TRADES = """
精機 seiki|電機 denki|工業 kogyo|製作所 ss|化学 kagaku|食品 foods|物流 logi|建設 kensetsu|設備 setsubi|商事 shoji
印刷 print|薬品 yakuhin|システム system|ソフト soft|情報サービス joho|テクノロジー tech|エンジニアリング eng
不動産 estate|運輸 unyu|金属 kinzoku|樹脂 jushi|計器 keiki|鉄工 tekko|産業 sangyo|ホームズ homes|フーズ fs
リース lease|医療器 medical
"""
_FORMS = ("株式会社",) * 8 + ("有限会社", "合同会社")
_SHORT = {"株式会社": ("㈱", "(株)", "（株）"), "有限会社": ("㈲", "(有)", "（有）"), "合同会社": ("(同)", "合同会社 ")}
_BRANCHES = ("東京支店", "大阪支社", "名古屋営業所", "福岡支店")


@dataclass(slots=True)
class Firm:
    """A company: `core` is its name without the legal form, which stands in front or behind."""

    core: str
    form: str
    front: bool
    domain: str
    owner: str = ""
    account: str | None = None
    contacts: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name as registered."""
        return f"{self.form}{self.core}" if self.front else f"{self.core}{self.form}"

    def as_typed(self, dice: random.Random) -> str:
        """The name as somebody types it: short form, other side, a space, half a branch, or just the core."""
        short = dice.choice(_SHORT[self.form])
        ways = (
            self.name,
            f"{short}{self.core}" if self.front else f"{self.core}{short}",
            f"{short} {self.core}",
            f"{self.form}　{self.core}",
            self.core,
            f"{self.name} {dice.choice(_BRANCHES)}",
        )
        return dice.choices(ways, (50, 22, 8, 8, 7, 5))[0]


def some_firms(count: int, dice: random.Random) -> list[Firm]:
    """Different companies, with domains that nobody owns."""
    pairs = [(brand, trade) for brand in table(_BRANDS) for trade in table(_TRADES)]
    return [
        Firm(
            brand[0] + trade[0],
            dice.choice(_FORMS),
            dice.random() < 0.7,
            f"{brand[1]}-{trade[1]}-example.co.jp",
        )
        for brand, trade in dice.sample(pairs, count)
    ]
