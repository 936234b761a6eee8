"""How people are called in Japan: family names about as frequent as in life, given names, and their other spellings."""

from __future__ import annotations

import random
from dataclasses import dataclass

# Kanji, kana, Latin letters, and how many people bear it, in ten thousands (rounded).
_FAMILY = """
佐藤 サトウ sato 184|鈴木 スズキ suzuki 177|高橋 タカハシ takahashi 138|田中 タナカ tanaka 131|伊藤 イトウ ito 105
渡辺 ワタナベ watanabe 104|山本 ヤマモト yamamoto 103|中村 ナカムラ nakamura 102|小林 コバヤシ kobayashi 101
加藤 カトウ kato 87|吉田 ヨシダ yoshida 81|山田 ヤマダ yamada 80|佐々木 ササキ sasaki 66|山口 ヤマグチ yamaguchi 63
松本 マツモト matsumoto 62|井上 イノウエ inoue 60|木村 キムラ kimura 56|林 ハヤシ hayashi 53|斎藤 サイトウ saito 53
清水 シミズ shimizu 52|山崎 ヤマザキ yamazaki 47|森 モリ mori 45|池田 イケダ ikeda 44|橋本 ハシモト hashimoto 43
阿部 アベ abe 43|石川 イシカワ ishikawa 41|山下 ヤマシタ yamashita 41|中島 ナカジマ nakajima 39|石井 イシイ ishii 38
小川 オガワ ogawa 38|前田 マエダ maeda 37|岡田 オカダ okada 37|長谷川 ハセガワ hasegawa 37|藤田 フジタ fujita 36
後藤 ゴトウ goto 35|近藤 コンドウ kondo 35|村上 ムラカミ murakami 34|遠藤 エンドウ endo 33|青木 アオキ aoki 32
坂本 サカモト sakamoto 32|福田 フクダ fukuda 31|太田 オオタ ota 31|西村 ニシムラ nishimura 30|藤井 フジイ fujii 30
金子 カネコ kaneko 29|藤原 フジワラ fujiwara 29|岡本 オカモト okamoto 29|三浦 ミウラ miura 29|中野 ナカノ nakano 28
中川 ナカガワ nakagawa 28|原田 ハラダ harada 28|松田 マツダ matsuda 27|竹内 タケウチ takeuchi 27|小野 オノ ono 27
田村 タムラ tamura 26|中山 ナカヤマ nakayama 26|和田 ワダ wada 25|石田 イシダ ishida 25|森田 モリタ morita 24
上田 ウエダ ueda 24|原 ハラ hara 23|内田 ウチダ uchida 22|柴田 シバタ shibata 22|酒井 サカイ sakai 22
宮崎 ミヤザキ miyazaki 21|横山 ヨコヤマ yokoyama 21|高木 タカギ takagi 21|安藤 アンドウ ando 21
宮本 ミヤモト miyamoto 21|大野 オオノ ono 20|小島 コジマ kojima 20|谷口 タニグチ taniguchi 20|今井 イマイ imai 20
工藤 クドウ kudo 20|高田 タカダ takada 19|増田 マスダ masuda 19|丸山 マルヤマ maruyama 19|杉山 スギヤマ sugiyama 19
村田 ムラタ murata 18|大塚 オオツカ otsuka 18|新井 アライ arai 18|小山 コヤマ koyama 18|平野 ヒラノ hirano 18
藤本 フジモト fujimoto 18|河野 コウノ kono 18|上野 ウエノ ueno 18|武田 タケダ takeda 17|野口 ノグチ noguchi 17
松井 マツイ matsui 17|千葉 チバ chiba 17|菅原 スガワラ sugawara 17|岩崎 イワサキ iwasaki 16|久保 クボ kubo 16
木下 キノシタ kinoshita 16|佐野 サノ sano 16|野村 ノムラ nomura 16|松尾 マツオ matsuo 16|菊地 キクチ kikuchi 16
市川 イチカワ ichikawa 15|古川 フルカワ furukawa 15|水野 ミズノ mizuno 14|桜井 サクライ sakurai 14
小松 コマツ komatsu 14|渋谷 シブヤ shibuya 8|浜田 ハマダ hamada 14|五十嵐 イガラシ igarashi 11|沢田 サワダ sawada 9
広瀬 ヒロセ hirose 11|国分 コクブ kokubu 3
"""
_GIVEN = """
翔太 ショウタ shota|健太 ケンタ kenta|大輔 ダイスケ daisuke|拓也 タクヤ takuya|直樹 ナオキ naoki|達也 タツヤ tatsuya
健一 ケンイチ kenichi|浩二 コウジ koji|誠 マコト makoto|隆 タカシ takashi|浩 ヒロシ hiroshi|剛 ツヨシ tsuyoshi
和也 カズヤ kazuya|雄太 ユウタ yuta|亮 リョウ ryo|純一 ジュンイチ junichi|哲也 テツヤ tetsuya|康弘 ヤスヒロ yasuhiro
正樹 マサキ masaki|修 オサム osamu|秀樹 ヒデキ hideki|智也 トモヤ tomoya|裕介 ユウスケ yusuke|慎一 シンイチ shinichi
陽介 ヨウスケ yosuke|一郎 イチロウ ichiro|孝之 タカユキ takayuki|俊介 シュンスケ shunsuke|悠斗 ユウト yuto
大樹 ダイキ daiki|恵子 ケイコ keiko|裕子 ユウコ yuko|真由美 マユミ mayumi|智子 トモコ tomoko|久美子 クミコ kumiko
陽子 ヨウコ yoko|由美 ユミ yumi|直美 ナオミ naomi|明美 アケミ akemi|美穂 ミホ miho|麻衣 マイ mai|愛 アイ ai
彩 アヤ aya|舞 マイ mai|美咲 ミサキ misaki|千尋 チヒロ chihiro|さくら サクラ sakura|葵 アオイ aoi|香織 カオリ kaori
友美 トモミ tomomi|亜希子 アキコ akiko|奈々 ナナ nana|綾香 アヤカ ayaka|沙織 サオリ saori|里奈 リナ rina
優子 ユウコ yuko|桃子 モモコ momoko
"""
# The same name as the family register has it, or as somebody once typed it.
_VARIANTS = {
    "高橋": ("髙橋",),
    "高木": ("髙木",),
    "高田": ("髙田",),
    "渡辺": ("渡邊", "渡邉"),
    "斎藤": ("齋藤", "斉藤", "齊藤"),
    "山崎": ("山﨑",),
    "宮崎": ("宮﨑",),
    "岩崎": ("岩﨑",),
    "吉田": ("𠮷田",),
    "中島": ("中嶋",),
    "小島": ("小嶋",),
    "桜井": ("櫻井",),
    "広瀬": ("廣瀬",),
    "沢田": ("澤田",),
    "浜田": ("濱田",),
    "国分": ("國分",),
    "渋谷": ("澁谷",),
    "佐々木": ("佐佐木",),
}


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name as written, as read, and in Latin letters."""

    family: str
    given: str
    family_kana: str = ""
    given_kana: str = ""
    latin: tuple[str, str] = ("", "")

    def __str__(self) -> str:
        return f"{self.family} {self.given}"


def table(text: str) -> list[list[str]]:
    """Entries between bars and line ends, as lists of words."""
    return [entry.split() for line in text.strip().splitlines() for entry in line.split("|")]


_FAMILIES = table(_FAMILY)
_WEIGHTS = [int(entry[3]) for entry in _FAMILIES]
_GIVENS = table(_GIVEN)


def some_name(dice: random.Random) -> Name:
    """Anybody's name; namesakes come as often as in life."""
    family, family_kana, family_latin, _ = dice.choices(_FAMILIES, _WEIGHTS)[0]
    given, given_kana, given_latin = dice.choice(_GIVENS)
    return Name(family, given, family_kana, given_kana, (family_latin, given_latin))


def otherwise_spelt(family: str, dice: random.Random) -> str:
    """The family name in another shape of its characters, where it has one."""
    return dice.choice(_VARIANTS.get(family, (family,)))


def full_width(text: str) -> str:
    """Letters and digits as a Japanese keyboard gives them when it was left in the wrong mode."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)
