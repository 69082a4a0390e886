//! `credential`: secrets that a guest can use but not read.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use freehold_model::{ErrorKind, Failure, Secret};
use hmac::{Hmac, KeyInit as _, Mac};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use sha2::{Digest, Sha256};
use wasmtime::component::Resource;
use zeroize::Zeroizing;

use crate::interface::destination_0_1::error;
use crate::interface::destination_0_1::freehold::destination::{credential, types};
use crate::state::{GuestFault, HostState};

/// The host's side of a `secret`.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct SecretHandle {
    pub(crate) secret: Secret,
    /// The credential field that it is, if it was not derived.
    field: Option<String>,
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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
}

impl HostState {
    fn secret(&self, handle: &Resource<SecretHandle>) -> wasmtime::Result<&Secret> {
        Ok(&self.table.get(handle)?.secret)
    }

    fn keep(&mut self, secret: Vec<u8>) -> wasmtime::Result<Resource<SecretHandle>> {
        Ok(self.table.push(SecretHandle { secret: Secret::new(secret), field: None })?)
    }

    fn hmac(&self, handle: &Resource<SecretHandle>, data: &[u8]) -> wasmtime::Result<Vec<u8>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret(handle)?.expose())
            .map_err(|_| wasmtime::format_err!("HMAC refuses the key"))?;
        mac.update(data);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl credential::HostSecret for HostState {
    fn hmac_sha256(&mut self, handle: Resource<SecretHandle>, data: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        self.hmac(&handle, &data)
    }

    fn derive_hmac_sha256(
        &mut self,
        handle: Resource<SecretHandle>,
        data: Vec<u8>,
    ) -> wasmtime::Result<Resource<SecretHandle>> {
        let derived = self.hmac(&handle, &data)?;
        self.keep(derived)
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

/// The DER inside a PEM text (RFC 7468), with its label.
fn pem(text: &[u8]) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let digits = Zeroizing::new(body.bytes().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<u8>>());
    Some((label.to_owned(), Zeroizing::new(BASE64.decode(&*digits).ok()?)))
}

fn rs256(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (label, der) = pem(key)?;
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
    let (_, der) = pem(key)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).ok()?;
    Some(pair.sign(&random, data).ok()?.as_ref().to_vec())
}

fn ed25519(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let pair = match key.len() {
        32 => Ed25519KeyPair::from_seed_unchecked(key).ok()?,
        64 => Ed25519KeyPair::from_seed_and_public_key(&key[..32], &key[32..]).ok()?,
        _ => Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pem(key)?.1).ok()?,
    };
    Some(pair.sign(data).as_ref().to_vec())
}
