"""What the machine says to the service, read from ``VERAISON_*``: who gets in, and how often."""

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from serving.hosts import is_loopback
from veraison.settings import Settings

_SITE = re.compile(
    r"https://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?"
)
"""A source of a policy: https, a host or all below one; http on this machine alone."""


class AccessSettings(BaseModel):
    """Who gets in, and how often.

    open_pages          the pages ask nobody who comes straight from this machine to log in
    public_url          the address that people use, where a proxy stands before the service
    rate_per_key        requests a second that a key may make of one worker; 0 for no limit
    frame_ancestors     the sites that may frame the card of a lead, such as ``https://*.force.com``; none by default
    oidc_issuer         who says by OpenID Connect who somebody is, as in its ``/.well-known/openid-configuration``
    oidc_client_id      what the issuer knows this service as
    oidc_client_secret  and what proves it
    oidc_open           let everyone in whom the issuer knows, not only who is listed by `veraison people`
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    open_pages: bool = False
    public_url: str | None = None
    rate_per_key: float = Field(default=2_000.0, ge=0, allow_inf_nan=False)
    frame_ancestors: str = ""
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_open: bool = False

    @field_validator("public_url", "oidc_issuer")
    @classmethod
    def _safe(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host or parts.query or parts.fragment or parts.username is not None:
            raise ValueError("is not an address such as https://leads.example")
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
            raise ValueError("must begin with https://, as passwords and tokens travel over it")
        return url

    @field_validator("public_url")
    @classmethod
    def _without_path(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).path not in ("", "/"):
            raise ValueError("has a path; the service needs a host name of its own")
        return None if url is None else url.rstrip("/")

    @field_validator("frame_ancestors")
    @classmethod
    def _sites(cls, sites: str) -> str:
        found = sites.replace(",", " ").split()
        for site in found:
            if not _SITE.fullmatch(site):
                raise ValueError(
                    "holds what is no site; write sites such as https://crm.example or https://*.force.com, with a "
                    "space between them"
                )
        return " ".join(found)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        parts = (self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret)
        if any(parts) and not all(parts):
            raise ValueError(
                "VERAISON_OIDC_ISSUER, VERAISON_OIDC_CLIENT_ID and VERAISON_OIDC_CLIENT_SECRET belong together; "
                "set all three or none"
            )
        return self

    @property
    def has_oidc(self) -> bool:
        return self.oidc_issuer is not None


class LogSettings(BaseModel):
    """What is written down, and what is told to a collector of traces.

    logs         lines of words, or of JSON
    log_requests a line for every request
    traces       where spans go: the address of an OpenTelemetry collector that speaks OTLP over HTTP, such as
                 http://127.0.0.1:4318/v1/traces; none where it is not set
    traces_share of all requests whose callers have not decided it
    """

    logs: Literal["text", "json"] = "text"
    log_requests: bool = False
    traces: str | None = Field(default=None, pattern=r"^https?://\S+$")
    traces_share: float = Field(default=1.0, ge=0, le=1)


class ServiceSettings(AccessSettings, LogSettings, Settings):
    """All that a running service reads: ``VERAISON_WORKSPACE`` and the like, who gets in, and what is written down."""

    model_config = SettingsConfigDict(env_prefix="VERAISON_", env_ignore_empty=True, frozen=True, extra="ignore")
