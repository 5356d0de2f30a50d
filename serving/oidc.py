"""OpenID Connect: somebody else says who a person is. Authorization code with PKCE, state and nonce, by Authlib."""

import logging
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import StarletteOAuth2App
from authlib.integrations.starlette_client.integration import StarletteIntegration
from fastapi import Request
from joserfc.errors import JoseError

from serving.problems import Problem
from serving.settings import AccessSettings

_log = logging.getLogger("veraison.serving")
_SECONDS = 10.0
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that only the issuer can make: ``none`` is none, and of HMAC we would hold the key ourselves."""


class Provider:
    """One issuer that `settings` names."""

    def __init__(self, settings: AccessSettings) -> None:
        assert settings.oidc_issuer is not None
        assert settings.oidc_client_secret is not None
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._app: Any = StarletteOAuth2App(
            StarletteIntegration("oidc"),
            name="oidc",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value(),
            server_metadata_url=f"{self._issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": _SECONDS},
        )

    async def address(self, callback: str) -> tuple[str, dict[str, Any]]:
        """Where to send a browser to log in, and what it must bring back to `name`.

        callback : absolute address at which the issuer sends it back
        """
        try:
            await self._discover()
            made = await self._app.create_authorization_url(callback)
        except (httpx2.HTTPError, ValueError, KeyError, RuntimeError):
            raise _silent() from None
        kept = {name: made[name] for name in ("state", "nonce", "code_verifier")} | {"redirect_uri": callback}
        return made["url"], kept

    async def name(self, request: Request, kept: dict[str, Any]) -> str:
        """The name of who comes back, by e-mail address, else ``preferred_username``.

        Raises a Problem: 403 where the issuer, the audience, the signature, the nonce, the state or the name are not
        right, 503 where the issuer does not answer.
        """
        state = kept.pop("state")
        request.scope["session"] = {f"_state_oidc_{state}": {"data": kept, "exp": 0}}
        required = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
            "nonce": {"essential": True, "value": kept["nonce"]},
        }
        try:
            await self._discover()
            token = await self._app.authorize_access_token(request, claims_options=required)
        except (OAuthError, JoseError, ValueError, KeyError, TypeError) as error:
            _log.warning("a login through the issuer was refused: %s", getattr(error, "error", type(error).__name__))
            raise _refused() from error
        except (httpx2.HTTPError, RuntimeError) as error:
            raise _silent() from error
        return _name(token.get("userinfo") or {})

    async def _discover(self) -> None:
        """Read what the issuer says of itself, once; it must be the issuer that was meant."""
        found = await self._app.load_server_metadata()
        if found.get("issuer") != self._issuer:
            found.pop("_loaded_at", None)
            raise ValueError("the issuer calls itself otherwise")
        offered = found.get("id_token_signing_alg_values_supported") or ["RS256"]
        found["id_token_signing_alg_values_supported"] = [name for name in _ALGORITHMS if name in offered] or ["RS256"]


def _name(claims: dict[str, Any]) -> str:
    """An address that the issuer has not verified may be anybody's, so it is not replaced by another claim either."""
    email = claims.get("email")
    name = email if email is not None else claims.get("preferred_username")
    if not isinstance(name, str) or not name.strip() or (email is not None and claims.get("email_verified") is False):
        raise _refused()
    return name


def _refused() -> Problem:
    return Problem(403, "login", "the login elsewhere did not work; start it again")


def _silent() -> Problem:
    return Problem(503, "login", "who says who you are does not answer; try again", {"Retry-After": "5"})
