//! What does AWS Signature Version 4 sign, and how is the result written?
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>). Pure: the keys are the host's.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The header of a session token. Its value is signed as well, and is sealed: see [`Canonical`].
pub(super) const TOKEN_HEADER: &str = "x-amz-security-token";

/// The canonical request, split where a sealed session token belongs between the halves.
#[derive(Debug)]
pub(super) struct Canonical {
    pub(super) before_token: String,
    pub(super) after_token: String,
    pub(super) signed_headers: String,
}

/// A request as it is signed.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// Encoded by [`encode_path`].
    pub(super) path: &'a str,
    /// In canonical form: encoded, sorted, empty for these requests.
    pub(super) query: &'a str,
    /// Names in lower case. Without the session token.
    pub(super) headers: &'a BTreeMap<&'a str, String>,
    pub(super) has_token: bool,
    pub(super) payload_sha256: &'a str,
}

impl Request<'_> {
    pub(super) fn canonical(&self) -> Canonical {
        let mut names: Vec<&str> = self.headers.keys().copied().collect();
        if self.has_token {
            names.push(TOKEN_HEADER);
            names.sort_unstable();
        }
        let signed_headers = names.join(";");
        let mut text = format!("{}\n{}\n{}\n", self.method, self.path, self.query);
        let mut before_token = String::new();
        for name in names {
            match self.headers.get(name) {
                Some(value) => text.push_str(&format!("{name}:{}\n", value.trim())),
                None => {
                    text.push_str(&format!("{name}:"));
                    before_token = std::mem::replace(&mut text, "\n".to_owned());
                }
            }
        }
        text.push_str(&format!("\n{signed_headers}\n{}", self.payload_sha256));
        Canonical { before_token, after_token: text, signed_headers }
    }
}

/// The steps by which a signing key is derived from `AWS4` and the secret access key: also the credential scope.
pub(super) struct Scope<'a> {
    /// `YYYYMMDD`.
    pub(super) date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl Scope<'_> {
    pub(super) fn steps(&self) -> [&str; 4] {
        [self.date, self.region, self.service, "aws4_request"]
    }

    pub(super) fn text(&self) -> String {
        self.steps().join("/")
    }
}

pub(super) fn string_to_sign(timestamp: &str, scope: &Scope<'_>, canonical_sha256: &[u8]) -> String {
    format!("AWS4-HMAC-SHA256\n{timestamp}\n{}\n{}", scope.text(), hex(canonical_sha256))
}

pub(super) fn authorization(access_key_id: &str, scope: &Scope<'_>, signed_headers: &str, signature: &[u8]) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key_id}/{},SignedHeaders={signed_headers},Signature={}",
        scope.text(),
        hex(signature)
    )
}

/// Encodes a path once, as S3 wants it: all but `A-Z a-z 0-9 - . _ ~` and the `/` between folders.
pub(super) fn encode_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    //! The examples that AWS publishes: of the S3 documentation (`AKIAIOSFODNN7EXAMPLE`), and of the Signature Version 4
    //! test suite (`AKIDEXAMPLE`). The host's part, the HMACs, is done here in the open.

    use hmac::{Hmac, KeyInit, Mac};

    use super::*;

    const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    }

    struct Example<'a> {
        method: &'a str,
        path: &'a str,
        query: &'a str,
        headers: &'a [(&'a str, &'a str)],
        token: Option<&'a str>,
        payload_sha256: &'a str,
    }

    fn authorize(example: &Example<'_>, id: &str, secret: &str, timestamp: &str, service: &str) -> String {
        let mut headers: BTreeMap<&str, String> = example.headers.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        headers.insert("x-amz-date", timestamp.to_owned());
        let request = Request {
            method: example.method,
            path: &encode_path(example.path),
            query: example.query,
            headers: &headers,
            has_token: example.token.is_some(),
            payload_sha256: example.payload_sha256,
        };
        let canonical = request.canonical();
        let whole = format!("{}{}{}", canonical.before_token, example.token.unwrap_or(""), canonical.after_token);
        let scope = Scope { date: &timestamp[..8], region: "us-east-1", service };
        let key =
            scope.steps().iter().fold(format!("AWS4{secret}").into_bytes(), |key, step| hmac(&key, step.as_bytes()));
        let text = string_to_sign(timestamp, &scope, &sha256(whole.as_bytes()));
        authorization(id, &scope, &canonical.signed_headers, &hmac(&key, text.as_bytes()))
    }

    fn s3_example(method: &str, path: &str, query: &str, payload_sha256: &str, headers: &[(&str, &str)]) -> String {
        let mut all = vec![("host", "examplebucket.s3.amazonaws.com"), ("x-amz-content-sha256", payload_sha256)];
        all.extend_from_slice(headers);
        authorize(
            &Example { method, path, query, headers: &all, token: None, payload_sha256 },
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "20130524T000000Z",
            "s3",
        )
    }

    fn suite_example(method: &str, path: &str, token: Option<&str>) -> String {
        authorize(
            &Example {
                method,
                path,
                query: "",
                headers: &[("host", "example.amazonaws.com")],
                token,
                payload_sha256: EMPTY_SHA256,
            },
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "20150830T123600Z",
            "service",
        )
    }

    #[test]
    fn the_put_object_example_of_s3_holds() {
        let payload = hex(&sha256(b"Welcome to Amazon S3."));

        let authorization = s3_example(
            "PUT",
            "/test$file.text",
            "",
            &payload,
            &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
        );

        assert_eq!(
            authorization,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,\
             Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
    }

    #[test]
    fn the_get_examples_of_s3_hold() {
        for (path, query, headers, signature) in [
            (
                "/test.txt",
                "",
                &[("range", "bytes=0-9")][..],
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            ("/", "lifecycle=", &[][..], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            ("/", "max-keys=2&prefix=J", &[][..], "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ] {
            let authorization = s3_example("GET", path, query, EMPTY_SHA256, headers);

            assert!(authorization.ends_with(signature), "{path}?{query}: {authorization}");
        }
    }

    #[test]
    fn the_test_suite_of_signature_version_4_holds() {
        for (name, method, path, signature) in [
            ("get-vanilla", "GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("get-utf8", "GET", "/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
            (
                "get-unreserved",
                "GET",
                "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            ("get-space", "GET", "/example space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
            ("post-vanilla", "POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ] {
            let authorization = suite_example(method, path, None);

            assert!(authorization.ends_with(signature), "{name}: {authorization}");
        }
    }

    #[test]
    fn a_session_token_is_signed_without_being_seen() {
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

        let authorization = suite_example("POST", "/", Some(token));

        assert!(
            authorization.ends_with(
                "SignedHeaders=host;x-amz-date;x-amz-security-token,\
                 Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
            ),
            "{authorization}"
        );
    }

    #[test]
    fn a_path_is_encoded_once() {
        assert_eq!(encode_path("/a b/dt=2024-01-31/ü+%.ndjson"), "/a%20b/dt%3D2024-01-31/%C3%BC%2B%25.ndjson");
    }
}
