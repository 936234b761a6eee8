"""Keys for comparing what people typed: mail addresses, domains, telephone and other numbers, prefectures.

Every function is idempotent (a key is its own key) and takes any text there is: what cannot be a key gives None.
Keys are for comparing only; what is written to a system is the value as it was typed. Names of people and companies
are in `cleanse_names`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any, Literal

import phonenumbers
from publicsuffixlist import PublicSuffixList

# Control characters but white space, soft hyphen, fillers, variation selectors, zero-width and bidi marks, tags, and
# half surrogates, which come out of broken CSV and JSON and can neither be stored nor sent.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―⁃−˗─━", "-"))


def _folded(raw: str) -> str:
    # Invisible characters go first: what they kept apart may compose.
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", raw))
    return " ".join(text.translate(_DASHES).split())


def fold(raw: str) -> str:
    """Text as it is compared: NFKC, nothing invisible, one kind of dash, single spaces."""
    if (raw.isascii() and raw.isprintable()) or _NOTHING_TO_FOLD.fullmatch(raw):
        return " ".join(raw.split())
    return _remembered(raw) if len(raw) < _OFTEN_THE_SAME else _folded(raw)


# Most Japanese text: kana and kanji that NFKC leaves alone, and the wide space, which splitting makes a narrow one.
_NOTHING_TO_FOLD = re.compile("[ \u3000\u3005\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff]*")
_OFTEN_THE_SAME = 100
"""Shorter texts are worth remembering; the limit bounds the memory."""
_remembered = lru_cache(maxsize=65_536)(_folded)


def words(table: str) -> frozenset[str]:
    """The words of a table of data, as these files write them."""
    return frozenset(table.split())


# --- mail addresses ---------------------------------------------------------------------------------------------------

_LONGEST_ADDRESS = 254

# Permissive on purpose: old docomo and au addresses have dots where no RFC allows them (`taro.@docomo.ne.jp`).
_ADDRESS = re.compile(
    r"(?:[^<]*<)?(?:mailto:)?"
    r"(?P<local>[^\s@<>()\[\],;:\"\\]+)@(?P<host>[^\s@<>()\[\],;:\"\\/?#]+?)"
    r"(?:\?[^>]*)?>?"
)
_HOST = re.compile(r"(?:[\w-]+\.)+[\w-]+")
# Nothing in it that the general way would change.
_USUAL_ADDRESS = re.compile(r"([a-z0-9._+-]{1,64})@((?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,63})", re.ASCII)


@lru_cache(maxsize=65_536)
def email_key(raw: str, plus_tags: Literal["strip", "keep"] = "strip") -> str | None:
    """The address as a key: folded, in lower case, out of `Name <a@b>` and `mailto:`, without `+tag`.

    At Gmail, dots in the local part go too: to Google they are not there.
    """
    typed = _typed(raw, plus_tags)
    if typed is None:
        return None
    local, host = typed
    if host in _GMAIL:
        host, local = "gmail.com", local.replace(".", "") or local
    key = f"{local}@{host}"
    return key if len(key) <= _LONGEST_ADDRESS else None


def is_role_address(raw: str, plus_tags: Literal["strip", "keep"] = "strip") -> bool:
    """As `is_role_mailbox`, by an address as it was typed: at Gmail, the key has lost the dots between words."""
    typed = _typed(raw, plus_tags)
    return typed is not None and is_role_mailbox(typed[0])


_GMAIL = frozenset(("gmail.com", "googlemail.com"))


def _typed(raw: str, plus_tags: Literal["strip", "keep"]) -> tuple[str, str] | None:
    """Local part and host, folded; None for what is no address."""
    usual = _USUAL_ADDRESS.fullmatch(raw.lower())
    if usual is not None:
        local, host = usual.groups()
    else:
        match = _ADDRESS.fullmatch(fold(raw[:2000]).lower())
        found = _host(match["host"]) if match else None
        if match is None or found is None:
            return None
        local, host = match["local"], found
    return (local.partition("+")[0] or local if plus_tags == "strip" else local), host


def _host(raw: str) -> str | None:
    """A host with at least two labels, as DNS spells it."""
    host = raw.replace("。", ".").removesuffix(".")
    if len(host) > _LONGEST_ADDRESS or not _HOST.fullmatch(host):
        return None
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None


_ROLES = words(
    """
    info information infomation contact contactus inquiry inquiries otoiawase toiawase support helpdesk service services
    customer customers desk office reception uketsuke front center centre sales eigyo eigyou eigyoubu eigyobu hanbai
    order orders juchu hacchu shop store webmaster postmaster hostmaster admin administrator administration system
    systems network joho johosys jouhou security abuse
    soumu somu soumubu somubu keiri keiribu keiei keieikikaku jinji jinjibu jimu jimukyoku kanri kanribu kikaku kikakubu
    koho kouhou houmu homu recruit recruiting recruitment saiyo saiyou career accounting account accounts finance
    billing invoice seikyu legal press media news newsletter mailmagazine mailmag magazine marketing mktg
    kaihatsu gijutsu gijyutsu koujou kojo seizou seizo hinshitsu kobai koubai shizai purchase purchasing butsuryu
    yoyaku reserve reservation reservations tencho soudan madoguchi honbu hisho secretary gyomu gyoumu kaikei mitsumori
    nouhin kyoiku kyouiku jyoho branch clinic
    logistics honsha honten shiten group team staff members jimusho event events seminar privacy noreply donotreply
    """
)
# Roles only where they are the whole local part: beside another word they may belong to a person's own address.
_LONE_ROLES = words(
    """
    kenshu president fax tel hp no.reply tokyo osaka kansai kanto nagoya fukuoka sapporo sendai hiroshima kyoto kobe
    yokohama mail email e-mail help cs ec it hr pr ir web www site sale root sys noc jobs all everyone minna member
    master
    no-reply no_reply do-not-reply mailer-daemon bounce bounces test testing tester tesuto dummy sample example user
    guest aaa aaaa abc xxx xxxx none null hoge hogehoge fuga asdf qwerty nobody anonymous noname unknown undefined
    """
)


_PARTS = re.compile(r"[-_.]")


@lru_cache(maxsize=65_536)
def is_role_mailbox(local: str) -> bool:
    """Whether a local part names a role, a team or nobody: `info`, `sales2`, `info-tokyo`, `kansai.eigyo`, `test`."""
    name = local.lower().strip("0123456789").strip("-_.")
    parts = _PARTS.split(name)
    return name in _LONE_ROLES or name in _ROLES or parts[0] in _ROLES or parts[-1] in _ROLES


# --- domains ----------------------------------------------------------------------------------------------------------

# Mail for everybody: by itself such a domain says nothing about an employer. Subdomains count as well.
_FREE_MAIL = words(
    """
    gmail.com googlemail.com yahoo.co.jp yahoo.ne.jp ymail.ne.jp yahoo.com ymail.com rocketmail.com yahoo.co.uk
    yahoo.fr yahoo.de outlook.com outlook.jp hotmail.com hotmail.co.jp hotmail.co.uk hotmail.fr live.jp live.com msn.com
    passport.com windowslive.com icloud.com me.com mac.com aol.com aol.jp proton.me protonmail.com pm.me
    tutanota.com zoho.com gmx.com gmx.de gmx.net web.de mail.com mail.ru yandex.ru yandex.com fastmail.com hey.com
    qq.com 163.com 126.com sina.com sohu.com foxmail.com naver.com daum.net hanmail.net nate.com kakao.com
    inbox.com hushmail.com comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net btinternet.com
    orange.fr free.fr wanadoo.fr laposte.net t-online.de freenet.de libero.it hinet.net yeah.net 139.com 189.cn
    yahoo.it yahoo.es yahoo.ca yahoo.in yahoo.co.in yahoo.co.kr yahoo.com.tw yahoo.com.hk yahoo.com.au yahoo.com.br
    hotmail.de hotmail.it hotmail.es outlook.fr outlook.de live.fr live.co.uk live.cn aliyun.com bk.ru list.ru ya.ru
    tuta.com tuta.io zohomail.com zohomail.jp duck.com mozmail.com privaterelay.appleid.com
    mailinator.com yopmail.com guerrillamail.com sharklasers.com 10minutemail.com temp-mail.org kuku.lu
    excite.co.jp infoseek.jp goo.jp mail.goo.ne.jp livedoor.com auone.jp auone-net.jp fc2.com
    docomo.ne.jp mopera.net mopera.ne.jp ezweb.ne.jp au.com uqmobile.jp softbank.ne.jp i.softbank.jp vodafone.ne.jp
    jp-t.ne.jp jp-d.ne.jp jp-h.ne.jp jp-k.ne.jp jp-r.ne.jp jp-s.ne.jp jp-n.ne.jp jp-q.ne.jp jp-c.ne.jp
    disney.ne.jp willcom.com pdx.ne.jp wcm.ne.jp y-mobile.ne.jp ymobile.ne.jp ymobile1.ne.jp emnet.ne.jp emobile.ne.jp
    bbexcite.jp rakumail.jp mineo.jp
    nifty.com nifty.ne.jp biglobe.ne.jp biglobe.jp ocn.ne.jp so-net.ne.jp so-net.jp plala.or.jp dion.ne.jp odn.ne.jp
    odn.ad.jp hi-ho.ne.jp asahi-net.or.jp home.ne.jp zaq.ne.jp zaq.jp eonet.ne.jp infoweb.ne.jp dti.ne.jp dream.com
    wakwak.com sannet.ne.jp commufa.jp cty-net.ne.jp tiki.ne.jp mbn.or.jp ybb.ne.jp bb-east.ne.jp bb-west.ne.jp
    megaegg.ne.jp enjoy.ne.jp pikara.ne.jp bbiq.jp t-com.ne.jp tokai.or.jp thn.ne.jp wbs.ne.jp itscom.net
    starcat.ne.jp katch.ne.jp janis.or.jp interlink.or.jp alpha-net.ne.jp bekkoame.ne.jp gol.com
    kcn.jp kcn.ne.jp nsk.ne.jp incl.ne.jp ctk.ne.jp catvy.ne.jp medias.ne.jp gctv.ne.jp ccnet.ne.jp tees.ne.jp
    clovernet.ne.jp cna.ne.jp orihime.ne.jp nifmail.jp email.ne.jp
    gmai.com gmail.co.jp yahoo.jp
    """
)


# Whoever rents there gets a name of their own below.
_LANDLORDS = words("onmicrosoft.com xsrv.jp lolipop.jp sakura.ne.jp heteml.jp wixsite.com jimdo.com")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")
_AFTER_HOST = re.compile(r"[/?#:]")


def domain_of(raw: str) -> str | None:
    """The host of a mail address or a website, in lower case, as DNS spells it."""
    text = fold(raw[:2000]).lower()
    if "@" in text and "//" not in text:
        address = email_key(text)
        return address.rpartition("@")[2] if address else None
    return _host(_AFTER_HOST.split(_SCHEME.sub("", text), maxsplit=1)[0])


def is_free_mail(domain: str, extra: frozenset[str] = frozenset()) -> bool:
    """Whether everybody may have an address there: free mail, carriers, internet providers, and `extra`."""
    while domain:
        if domain in _FREE_MAIL or domain in extra:
            return True
        domain = domain.partition(".")[2]
    return False


@lru_cache(maxsize=65_536)
def corporate_domain(raw: str, free: frozenset[str] = frozenset()) -> str | None:
    """The registrable domain of the organisation behind an address, host or website: `a.b.co.jp` gives `b.co.jp`.

    One label more where others have theirs: at hosting companies, and of local governments (`city.osaka.lg.jp` is not
    `pref.osaka.lg.jp`). None for free mail (`free`: more of it), and for endings that do not exist: the typing error
    `.co.p` would otherwise become one organisation for everyone.
    """
    domain = domain_of(raw)
    if domain is None or is_free_mail(domain, free):
        return None
    found = _suffixes().privatesuffix(domain)
    if found is None or not (found in _LANDLORDS or found.endswith(".lg.jp")):
        return found
    return ".".join(domain.split(".")[-found.count(".") - 2 :])


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """The list that comes with the library, parsed at first use: it takes a tenth of a second."""
    return PublicSuffixList(accept_unknown=False)


# --- numbers ----------------------------------------------------------------------------------------------------------

_LONG_MARK = str.maketrans("ー", "-")
_PHONE_LABEL = re.compile(r"\(?(?:代表|代|直通|携帯|電話|tel)\)?[:.]?", re.IGNORECASE)
_EXTENSION = re.compile(r"(?:内線|内|ext|#|;|,|x\s*\d).*", re.IGNORECASE)
_LONGEST_EXTENSION = 8
_REMARK = re.compile(r"(?<=\d)\D+$")
_FLOAT = re.compile(r"([0-9]{9,12})\.0$")


@lru_cache(maxsize=65_536)
def phone_key(raw: str) -> str | None:
    """A valid telephone number as E.164, Japanese unless it says otherwise; without extension, labels and remarks.

    What a spreadsheet took away comes back: the leading 0, and the plus before 81. Two numbers in one field are none.
    """
    if _NUMBER_ALONE.fullmatch(raw):
        return _valid_number(raw.replace("-", "").replace(" ", ""))
    text = fold(raw[:200])
    if not _NUMBER_ALONE.fullmatch(text):
        text = _PHONE_LABEL.sub("", _FLOAT.sub(r"\1", text.translate(_LONG_MARK)))
        extension = _EXTENSION.search(text)
        if extension is not None:
            if sum(letter.isdigit() for letter in extension[0]) > _LONGEST_EXTENSION:
                return None
            text = text[: extension.start()]
        text = _REMARK.sub("", text)
    return _valid_number(_SEPARATORS.sub("", text))


_NUMBER_ALONE = re.compile(r"\+?[0-9][0-9 -]{0,40}[0-9]")
# A zero in brackets says something: +81 (0)3.
_SEPARATORS = re.compile(r"[ .\-]|[()](?!0\))(?<!\(0\))")


@lru_cache(maxsize=65_536)
def _valid_number(text: str) -> str | None:
    """By its digits, which many ways to write it have in common: the check of a number takes long."""
    plain = _plain_japanese().fullmatch(text)
    if plain and len(set(text[-_LOCAL_DIGITS:])) > 1:
        return f"+81{plain[1]}"
    try:
        number = phonenumbers.parse(text, "JP")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    key: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # 090-1111-1111 and the like is what people type who do not want to be called.
    return None if len(set(key[-_LOCAL_DIGITS:])) == 1 else key


_LOCAL_DIGITS = 8


@lru_cache(maxsize=1)
def _plain_japanese() -> re.Pattern[str]:
    """Japanese fixed and mobile numbers, as the library knows them: asking it for each takes thirty times as long.

    With the leading 0, without it (a spreadsheet took it away), or with the country's code.
    """
    known: Any = phonenumbers.PhoneMetadata.metadata_for_region("JP")
    return re.compile(
        rf"(?:0|\+81)?({known.fixed_line.national_number_pattern}|{known.mobile.national_number_pattern})"
    )


PhoneLine = Literal["mobile", "fixed", "ip", "service"]
# What may be either is fixed: a mistake there joins two people. Everything else is a service: nobody's own number.
_LINES: dict[int, PhoneLine] = {
    phonenumbers.PhoneNumberType.MOBILE: "mobile",
    phonenumbers.PhoneNumberType.FIXED_LINE: "fixed",
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed",
    phonenumbers.PhoneNumberType.VOIP: "ip",
}


@lru_cache(maxsize=16_384)
def phone_line(key: str) -> PhoneLine | None:
    """The kind of line a key of `phone_key` belongs to; None for what is no such key.

    Only a mobile line says something about a person. Numbers of machines (020), free calls and the like are services.
    """
    try:
        number = phonenumbers.parse(key[:200])
    except phonenumbers.NumberParseException:
        return None
    kind = phonenumbers.number_type(number)
    return None if kind == phonenumbers.PhoneNumberType.UNKNOWN else _LINES.get(kind, "service")


def is_mobile(key: str) -> bool:
    """Whether a key of `phone_key` is a mobile line's: nothing else says something about a person."""
    if key.startswith("+81"):
        return _MOBILE.fullmatch(key) is not None
    return phone_line(key) == "mobile"


_MOBILE = re.compile(r"\+81[6789]0[1-9][0-9]{7}")


def corporate_number(raw: str) -> str | None:
    """A 法人番号: 13 digits whose first is the check digit of the others. Also out of an invoice number (`T` + it)."""
    text = re.sub(r"[\s-]", "", fold(raw[:200]).translate(_LONG_MARK)).upper().removeprefix("T")
    if not re.fullmatch(r"[0-9]{13}", text) or not int(text):
        return None
    weighted = sum(int(digit) * (1 + position % 2) for position, digit in enumerate(reversed(text[1:])))
    return text if int(text[0]) == 9 - weighted % 9 else None


def postal_code(raw: str) -> str | None:
    """The seven digits of a 郵便番号."""
    text = re.sub(r"[〒\s-]", "", fold(raw[:200]).translate(_LONG_MARK))
    return text if re.fullmatch(r"[0-9]{7}", text) else None


_PREFECTURES = words(
    """
    北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 神奈川県 新潟県 富山県
    石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県 三重県 滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 鳥取県 島根県
    岡山県 広島県 山口県 徳島県 香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県
    """
)
_PREFECTURE = re.compile("|".join(_PREFECTURES))
_SHORT_PREFECTURES = {name[:-1]: name for name in _PREFECTURES if name != "北海道"}
_POSTAL_PREFIX = re.compile(r"^(?:〒 ?)?[0-9]{3}-?[0-9]{4}(?![0-9-]) ?")


def split_prefecture(raw: str) -> tuple[str | None, str]:
    """The prefecture an address begins with, and the rest; `東京` alone is 東京都. A 郵便番号 in front goes."""
    text = _POSTAL_PREFIX.sub("", fold(raw))
    if text in _SHORT_PREFECTURES:
        return _SHORT_PREFECTURES[text], ""
    match = _PREFECTURE.match(text)
    return (match[0], text[match.end() :].lstrip()) if match else (None, text)
