//! `credential`: secrets that a guest can use but not read.

use base64::Engine as _;
use freehold_model::limits::CREDENTIAL_FIELD_BYTES_MAX;
use freehold_model::secret::SecretFields;
use freehold_model::{ErrorKind, Failure, Secret};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use sha2::{Digest, Sha256};
use wasmtime::component::Resource;
use zeroize::Zeroizing;

pub(super) mod json;
mod nkey;
mod pbkdf2;

use crate::interface::destination_0_1::error;
use crate::interface::destination_0_1::freehold::destination::{credential, types};
use crate::pem::{self, BASE64};
use crate::state::{Beside, GuestFault, HostState};

/// The host's side of a `secret`.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct SecretHandle {
    pub(crate) secret: Secret,
    /// The credential field that it is, if it was not derived.
    field: Option<String>,
}

fn auth(code: &str, message: &str) -> types::Error {
    error(Failure::new(ErrorKind::Auth, code, message))
}

impl credential::Host for HostState {
    fn field(&mut self, name: String) -> wasmtime::Result<Option<Resource<SecretHandle>>> {
        if !self.destination_type.credential.knows(&name) {
            return Err(GuestFault::UndeclaredField(name.chars().take(64).collect()).into());
        }
        let Some(secret) = self.credential.get(&name) else { return Ok(None) };
        let copy = Secret::new(secret.expose().to_vec());
        Ok(Some(self.table.push(SecretHandle { secret: copy, field: Some(name) })?))
    }

    fn fields(&mut self, name: String) -> wasmtime::Result<Vec<Resource<SecretHandle>>> {
        let schema = &self.destination_type.credential;
        if !schema.knows(&name) {
            return Err(GuestFault::UndeclaredField(name.chars().take(64).collect()).into());
        }
        let beside: &[Beside] = if schema.overlaps(&name) { &self.beside } else { &[] };
        let valid = beside.iter().filter(|version| !version.revoked.is_raised());
        let mut versions: Vec<(Option<u32>, &SecretFields)> =
            valid.map(|version| (Some(version.version), &version.fields)).collect();
        versions.push((self.version, &self.credential));
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        let mut secrets: Vec<Secret> = Vec::new();
        for secret in versions.into_iter().filter_map(|(_, fields)| fields.get(&name)) {
            // A secret that was given again signs once.
            if secrets.iter().all(|known| known.expose() != secret.expose()) {
                secrets.push(Secret::new(secret.expose().to_vec()));
            }
        }
        let mut handles = Vec::with_capacity(secrets.len());
        for secret in secrets {
            handles.push(self.table.push(SecretHandle { secret, field: Some(name.clone()) })?);
        }
        Ok(handles)
    }

    fn text(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let schema = &self.destination_type.credential;
        if !schema.knows(&name) {
            return Err(GuestFault::UndeclaredField(name.chars().take(64).collect()).into());
        }
        if schema.is_secret(&name) {
            return Ok(None);
        }
        let secret = self.credential.get(&name);
        Ok(secret.and_then(|secret| String::from_utf8(secret.expose().to_vec()).ok()))
    }

    fn seal(&mut self, bytes: Vec<u8>) -> wasmtime::Result<Resource<SecretHandle>> {
        let sealed = Secret::new(bytes);
        if sealed.len() > CREDENTIAL_FIELD_BYTES_MAX {
            return Err(GuestFault::Seal(sealed.len()).into());
        }
        self.keep_hidden(sealed)
    }
}

impl HostState {
    fn secret(&self, handle: &Resource<SecretHandle>) -> wasmtime::Result<&Secret> {
        Ok(&self.table.get(handle)?.secret)
    }

    fn keep(&mut self, secret: Vec<u8>) -> wasmtime::Result<Resource<SecretHandle>> {
        Ok(self.table.push(SecretHandle { secret: Secret::new(secret), field: None })?)
    }

    /// Keeps a secret that must not show in any text either.
    fn keep_hidden(&mut self, secret: Secret) -> wasmtime::Result<Resource<SecretHandle>> {
        self.scrubber.add_derived(&secret);
        Ok(self.table.push(SecretHandle { secret, field: None })?)
    }

    fn hmac(&self, handle: &Resource<SecretHandle>, hash: hmac::Algorithm, data: &[u8]) -> wasmtime::Result<Vec<u8>> {
        let key = hmac::Key::new(hash, self.secret(handle)?.expose());
        Ok(hmac::sign(&key, data).as_ref().to_vec())
    }

    /// The text member called `name` of the secret, or what the customer must hear instead.
    fn member(
        &self,
        handle: &Resource<SecretHandle>,
        name: &str,
    ) -> wasmtime::Result<Result<Option<Zeroizing<Vec<u8>>>, types::Error>> {
        let found = json::member(self.secret(handle)?.expose(), name);
        Ok(found.map_err(|json::NotAnObject| {
            auth(
                "credential-json",
                "the credential is not a JSON object: paste the whole key file, as it was downloaded",
            )
        }))
    }
}

impl credential::HostSecret for HostState {
    fn hmac_sha256(&mut self, handle: Resource<SecretHandle>, data: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        self.hmac(&handle, hmac::HMAC_SHA256, &data)
    }

    fn hmac_sha512(&mut self, handle: Resource<SecretHandle>, data: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        self.hmac(&handle, hmac::HMAC_SHA512, &data)
    }

    fn derive_hmac_sha256(
        &mut self,
        handle: Resource<SecretHandle>,
        data: Vec<u8>,
    ) -> wasmtime::Result<Resource<SecretHandle>> {
        let derived = self.hmac(&handle, hmac::HMAC_SHA256, &data)?;
        self.keep(derived)
    }

    async fn derive_pbkdf2(
        &mut self,
        handle: Resource<SecretHandle>,
        hash: credential::Hash,
        salt: Vec<u8>,
        iterations: u32,
    ) -> wasmtime::Result<Result<Resource<SecretHandle>, types::Error>> {
        if !(1..=pbkdf2::ITERATIONS_MAX).contains(&iterations) {
            let max = pbkdf2::ITERATIONS_MAX;
            let message = format!(
                "deriving a key with {iterations} iterations was asked for, and 1 to {max} are possible: \
                 set fewer for this user on the server"
            );
            return Ok(Err(error(Failure::new(ErrorKind::Config, "iterations-out-of-range", message))));
        }
        let algorithm = match hash {
            credential::Hash::Sha256 => hmac::HMAC_SHA256,
            credential::Hash::Sha512 => hmac::HMAC_SHA512,
        };
        let (cpu, cpu_ms) = (self.cpu.clone(), self.limits.cpu_ms);
        let may_go_on = || if cpu.exceeds(cpu_ms) { Err(GuestFault::Cpu(cpu_ms)) } else { Ok(()) };
        let password = hmac::Key::new(algorithm, self.secret(&handle)?.expose());
        let key = pbkdf2::derive(password, &salt, iterations, may_go_on).await?;
        Ok(Ok(self.keep_hidden(Secret::new(key.to_vec()))?))
    }

    fn sha256(&mut self, handle: Resource<SecretHandle>, before: Vec<u8>, after: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        let secret = self.secret(&handle)?;
        Ok(Sha256::new().chain_update(before).chain_update(secret.expose()).chain_update(after).finalize().to_vec())
    }

    fn with_prefix(
        &mut self,
        handle: Resource<SecretHandle>,
        prefix: Vec<u8>,
    ) -> wasmtime::Result<Resource<SecretHandle>> {
        let longer = [&prefix, self.secret(&handle)?.expose()].concat();
        self.keep(longer)
    }

    fn without_prefix(
        &mut self,
        handle: Resource<SecretHandle>,
        prefix: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<SecretHandle>, types::Error>> {
        let field = self.table.get(&handle)?.field.as_deref();
        // A guest that could try any prefix of any secret could guess it byte by byte.
        if !field.is_some_and(|field| self.destination_type.credential.has_prefix(field, &prefix)) {
            return Err(GuestFault::UndeclaredPrefix.into());
        }
        match self.secret(&handle)?.expose().strip_prefix(prefix.as_slice()) {
            Some(rest) => {
                let rest = rest.to_vec();
                Ok(Ok(self.keep(rest)?))
            }
            None => Ok(Err(auth("credential-prefix", "the credential does not begin as it should"))),
        }
    }

    fn from_base64(
        &mut self,
        handle: Resource<SecretHandle>,
    ) -> wasmtime::Result<Result<Resource<SecretHandle>, types::Error>> {
        match BASE64.decode(self.secret(&handle)?.expose()) {
            Ok(bytes) => Ok(Ok(self.keep(bytes)?)),
            Err(_) => Ok(Err(auth("credential-base64", "the credential is not valid base64"))),
        }
    }

    fn json_member(
        &mut self,
        handle: Resource<SecretHandle>,
        name: String,
    ) -> wasmtime::Result<Result<Resource<SecretHandle>, types::Error>> {
        match self.member(&handle, &name)? {
            Ok(Some(text)) => Ok(Ok(self.keep_hidden(Secret::new(text.to_vec()))?)),
            Ok(None) => {
                let name: String = name.chars().take(64).collect();
                let message =
                    format!("the credential has no text `{name}` in its JSON object: paste the whole key file");
                Ok(Err(auth("credential-member", &message)))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn json_text(
        &mut self,
        handle: Resource<SecretHandle>,
        name: String,
    ) -> wasmtime::Result<Result<Option<String>, types::Error>> {
        let field = self.table.get(&handle)?.field.as_deref();
        if !field.is_some_and(|field| self.destination_type.credential.has_public_member(field, &name)) {
            return Err(GuestFault::UndeclaredMember.into());
        }
        let found = self.member(&handle, &name)?;
        Ok(found.map(|text| text.and_then(|text| String::from_utf8(text.to_vec()).ok())))
    }

    fn json_string(
        &mut self,
        handle: Resource<SecretHandle>,
    ) -> wasmtime::Result<Result<Resource<SecretHandle>, types::Error>> {
        let plain = self.secret(&handle)?;
        // What is escaped again and again would double each time.
        if plain.len() > CREDENTIAL_FIELD_BYTES_MAX {
            return Ok(Err(auth("credential-too-long", "a credential this long cannot be put into a JSON string")));
        }
        match json::escaped(plain.expose()) {
            Some(escaped) => Ok(Ok(self.keep_hidden(Secret::new(escaped.to_vec()))?)),
            None => {
                Ok(Err(auth("credential-not-text", "a credential that is not text cannot be put into a JSON string")))
            }
        }
    }

    fn length(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<u32> {
        Ok(u32::try_from(self.secret(&handle)?.len()).unwrap_or(u32::MAX))
    }

    fn sign(
        &mut self,
        handle: Resource<SecretHandle>,
        algorithm: credential::Signature,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, types::Error>> {
        let key = self.secret(&handle)?.expose();
        let signed = match algorithm {
            credential::Signature::Rs256 => rs256(key, &data),
            credential::Signature::Es256 => es256(key, &data),
            credential::Signature::Ed25519 => ed25519(key, &data),
        };
        Ok(signed
            .ok_or_else(|| auth("credential-key", "the credential is not a private key of the kind that is needed")))
    }

    fn drop(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

fn rs256(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let pem::Block { label, der } = pem::private_key(key)?;
    let pair = match label.as_str() {
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der).ok()?,
        _ => RsaKeyPair::from_pkcs8(&der).ok()?,
    };
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature).ok()?;
    Some(signature)
}

fn es256(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    let der = pem::private_key(key)?.der;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).ok()?;
    Some(pair.sign(&random, data).ok()?.as_ref().to_vec())
}

fn ed25519(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    if let Some(seed) = nkey::seed(key) {
        return Some(Ed25519KeyPair::from_seed_unchecked(&*seed).ok()?.sign(data).as_ref().to_vec());
    }
    let pair = match key.len() {
        32 => Ed25519KeyPair::from_seed_unchecked(key).ok()?,
        64 => Ed25519KeyPair::from_seed_and_public_key(&key[..32], &key[32..]).ok()?,
        _ => Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pem::private_key(key)?.der).ok()?,
    };
    Some(pair.sign(data).as_ref().to_vec())
}
