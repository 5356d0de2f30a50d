"""What an e-mail domain says: a mailbox of a person (free), of a school (education), or of a company.

The lists are part of the feature set's meaning: changing them means raising features.catalogue.VERSION.
"""

import re
from typing import Literal

DomainKind = Literal["free", "education", "company"]
DOMAIN_KINDS: tuple[DomainKind, ...] = ("free", "education", "company")

_FREE = frozenset(
    """
    gmail.com googlemail.com outlook.com outlook.fr hotmail.com hotmail.fr hotmail.co.uk hotmail.be live.com
    live.fr msn.com yahoo.com yahoo.fr yahoo.co.uk yahoo.de yahoo.es yahoo.it ymail.com rocketmail.com icloud.com
    me.com mac.com aol.com aol.fr gmx.com gmx.de gmx.net gmx.fr gmx.at gmx.ch web.de t-online.de freenet.de
    mail.com mail.ru yandex.ru yandex.com proton.me protonmail.com protonmail.ch pm.me tutanota.com zoho.com
    qq.com 163.com 126.com sina.com orange.fr wanadoo.fr free.fr sfr.fr neuf.fr cegetel.net club-internet.fr
    laposte.net bbox.fr numericable.fr aliceadsl.fr voila.fr noos.fr libertysurf.fr skynet.be telenet.be
    bluewin.ch sunrise.ch hispeed.ch libero.it virgilio.it alice.it tin.it tiscali.it terra.com.br uol.com.br
    bol.com.br ig.com.br comcast.net verizon.net att.net sbcglobal.net btinternet.com sky.com ntlworld.com
    virginmedia.com rediffmail.com videotron.ca sympatico.ca rogers.com shaw.ca
    """.split()  # noqa: SIM905 (a page of quotes otherwise)
)
_EDUCATION = re.compile(
    r"(^|\.)(edu|ac|edu\.[a-z]{2}|ac\.[a-z]{2})$|(^|\.)(univ|u|ens|iut|insa|ecole|lycee|ac)-[a-z0-9-]+\.fr$|(^|\.)educagri\.fr$"
)
_ADDRESS = re.compile(r"^[^@\s]+@([^@\s]+\.[^@\s.]+)$")


def domain_of(text: str) -> str | None:
    """The domain of an address, or of a bare domain, in lower case; None where there is none.

    >>> domain_of(" Anne.Petit@ACME.fr "), domain_of("acme.fr"), domain_of("by phone")
    ('acme.fr', 'acme.fr', None)
    """
    folded = text.strip().casefold()
    found = _ADDRESS.match(folded if "@" in folded else f"x@{folded}")
    return found[1] if found else None


def domain_kind(text: str) -> DomainKind | None:
    """What kind of mailbox an address or a domain is; None where it is neither.

    >>> [domain_kind(one) for one in ("a@gmail.com", "b@etu.univ-lyon1.fr", "c@acme.fr", "?")]
    ['free', 'education', 'company', None]
    """
    domain = domain_of(text)
    if domain is None:
        return None
    if domain in _FREE:
        return "free"
    return "education" if _EDUCATION.search(domain) else "company"
