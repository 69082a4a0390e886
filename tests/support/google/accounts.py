"""What Google's token endpoints do, for fronts of Freehold's tests that stand before emulators, which ask nobody who they are.

It takes assertions that are signed right (checked by PyJWT), exchanges tokens of a workload identity federation, and knows which
tokens it gave out. It is no emulator of IAM: there is a writer, who may do all, and a reader, who may change nothing.
"""

import datetime
import json
import os
import secrets
import threading
import time
import urllib.parse
from collections import Counter

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN_URL = "https://oauth2.googleapis.com/token"
PLATFORM_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/acme/providers/acme"
ISSUER = "https://login.acme.example"


class Refused(Exception):
    def __init__(self, status, body):
        self.status, self.body = status, body


def error(code, status, message, reason=None):
    inner = {"code": code, "message": message, "status": status}
    if reason:
        inner["errors"] = [{"message": message, "domain": "global", "reason": reason}]
    return {"error": inner}


class Account:
    """A service account with one key."""

    def __init__(self, email, project):
        self.email, self.project, self.id = email, project, secrets.token_hex(20)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public = self.key.public_key()

    def file(self):
        """The key file, as Google's console gives it."""
        private = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": self.id,
            "private_key": private.decode(),
            "client_email": self.email,
            "client_id": "1",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": TOKEN_URL,
            "universe_domain": "googleapis.com",
        }


class Tokens:
    """Who has which token, for what, and until when."""

    def __init__(self):
        self.given, self.counts, self.lock = {}, Counter(), threading.Lock()

    def give(self, principal, scope, seconds):
        token = "ya29." + secrets.token_urlsafe(32)
        with self.lock:
            self.given[token] = (principal, scope, time.time() + seconds)
            self.counts[principal] += 1
        return token

    def bearer(self, authorization, scopes):
        """Who shows this, or None."""
        principal, scope, ends = self.given.get((authorization or "")[len("Bearer ") :], (None, None, 0))
        return principal if ends > time.time() and scope in scopes else None

    def revoke(self, account):
        with self.lock:
            self.given = {token: given for token, given in self.given.items() if given[0] != account}
        return {}


class Issuer:
    """The accounts of a project, and the tokens that were given to them for one scope, or for the broader one."""

    def __init__(self, project, scope, folder):
        self.project, self.scope, self.tokens = project, scope, Tokens()
        self.writer, self.reader = (f"{name}@{project}.iam.gserviceaccount.com" for name in ("writer", "reader"))
        self.accounts = {email: Account(email, project) for email in (self.writer, self.reader)}
        writer, reader = self.accounts[self.writer], self.accounts[self.reader]
        # The last has the writer's address with a key that was never the writer's.
        for name, account in (("writer", writer), ("reader", reader), ("stranger", Account(self.writer, project))):
            with open(os.path.join(folder, f"{name}.json"), "w") as to:
                json.dump(account.file(), to)
        # The customer's own identity provider, and what its endpoint wants to see.
        self.provider, self.word = Account(ISSUER, project), secrets.token_hex(20)

    def answer(self, path, authorization, body):
        """What the token endpoints say; None for any other path."""
        form = lambda: dict(urllib.parse.parse_qsl(body.decode()))
        if path.startswith("/v1/projects/-/serviceAccounts/"):
            return self.impersonate(authorization, path, body)
        own = {
            "/token": lambda: self.grant(form()),
            "/v1/token": lambda: self.exchange(form()),
            "/subject-token": lambda: self.subject_token(authorization),
            # Of this front alone, for the tests.
            "/front/account": self.new_account,
            "/front/revoke": lambda: self.tokens.revoke(body.decode()),
            "/front/count": lambda: {"tokens": self.tokens.counts[body.decode()]},
        }.get(path)
        return own and own()

    def bearer(self, authorization):
        """Who shows this, or None."""
        return self.tokens.bearer(authorization, [self.scope, PLATFORM_SCOPE])

    def new_account(self):
        account = Account(f"writer-{secrets.token_hex(8)}@{self.project}.iam.gserviceaccount.com", self.project)
        self.accounts[account.email] = account
        return account.file()

    def grant(self, form):
        """RFC 7523, as Google's token endpoint has it."""
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            raise Refused(400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"})
        try:
            email = jwt.decode(form["assertion"], options={"verify_signature": False})["iss"]
            account = self.accounts[email]
            named = jwt.get_unverified_header(form["assertion"]).get("kid", account.id)
            claims = jwt.decode(
                form["assertion"],
                account.public,
                algorithms=["RS256"],
                audience=TOKEN_URL,
                issuer=email,
                options={"require": ["exp", "iat", "iss", "aud", "scope"]},
            )
        except KeyError:
            raise Refused(400, {"error": "invalid_grant", "error_description": "Invalid grant: account not found"})
        except jwt.InvalidTokenError:
            raise Refused(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        if named != account.id:
            raise Refused(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        if claims["exp"] - claims["iat"] > 3600:
            raise Refused(400, {"error": "invalid_grant", "error_description": "Invalid JWT: Token must be a short-lived"})
        # Google's own library asks for the broader one as well.
        scopes = claims["scope"].split()
        scope = next((scope for scope in (self.scope, PLATFORM_SCOPE) if scope in scopes), None)
        if not scope:
            raise Refused(400, {"error": "invalid_scope", "error_description": f"{claims['scope']} is not a valid scope."})
        return {"access_token": self.tokens.give(email, scope, 3599), "expires_in": 3599, "token_type": "Bearer"}

    def exchange(self, form):
        """RFC 8693, as Google's Security Token Service has it."""
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange":
            raise Refused(400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"})
        if form.get("audience") != POOL:
            raise Refused(400, {"error": "invalid_target", "error_description": "The target service is not valid."})
        if form.get("subject_token_type") != "urn:ietf:params:oauth:token-type:jwt":
            raise Refused(400, {"error": "invalid_request", "error_description": "Invalid subject_token_type"})
        try:
            jwt.decode(form["subject_token"], self.provider.public, algorithms=["RS256"], audience=POOL, issuer=ISSUER)
        except (KeyError, jwt.InvalidTokenError):
            raise Refused(400, {"error": "invalid_grant", "error_description": "The subject token is not valid."})
        token = self.tokens.give("federated", form.get("scope"), 3600)
        kind = "urn:ietf:params:oauth:token-type:access_token"
        return {"access_token": token, "issued_token_type": kind, "token_type": "Bearer", "expires_in": 3600}

    def impersonate(self, authorization, path, body):
        """projects.serviceAccounts.generateAccessToken of the IAM Service Account Credentials API."""
        if self.tokens.bearer(authorization, [PLATFORM_SCOPE, "https://www.googleapis.com/auth/iam"]) is None:
            raise Refused(401, error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."))
        email = urllib.parse.unquote(path.split("/serviceAccounts/")[1].split(":")[0])
        wanted = json.loads(body)
        if email not in self.accounts or wanted.get("scope") != [self.scope]:
            raise Refused(403, error(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied"))
        seconds = int(wanted.get("lifetime", "3600s").rstrip("s"))
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
        token = self.tokens.give(email, self.scope, seconds)
        return {"accessToken": token, "expireTime": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def subject_token(self, authorization):
        """What the customer's identity provider gives to those who know its word."""
        if authorization != f"Bearer {self.word}":
            raise Refused(401, {"error": "who are you?"})
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": "freehold", "aud": POOL, "iat": now, "exp": now + 300}
        return {"id_token": jwt.encode(claims, self.provider.key, algorithm="RS256")}
