//! Who signs a question to AWS? Looked up for every question, so that whatever keeps the file fresh can replace it.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::ask_error::AskError;
use crate::aws::signature::Signer;
use crate::secret_text::SecretText;

/// Who signs questions to AWS.
#[derive(Debug, Clone)]
pub enum AwsCredentials {
    /// An access key.
    Given {
        /// Its id.
        access_key_id: String,
        /// Its secret.
        secret_access_key: SecretText,
        /// The token of a session, for temporary ones.
        session_token: Option<SecretText>,
    },
    /// A profile of a file as the AWS tools write it, read again for every question.
    File {
        /// The file.
        path: PathBuf,
        /// The profile: `default`.
        profile: String,
    },
}

impl AwsCredentials {
    /// Who signs now.
    ///
    /// # Errors
    /// When the file cannot be read or does not say.
    pub async fn signer(&self) -> Result<Signer, AskError> {
        match self {
            AwsCredentials::Given { access_key_id, secret_access_key, session_token } => Ok(Signer {
                access_key_id: access_key_id.clone(),
                secret_access_key: Zeroizing::new(secret_access_key.reveal().to_owned()),
                session_token: session_token.as_ref().map(|token| Zeroizing::new(token.reveal().to_owned())),
            }),
            AwsCredentials::File { path, profile } => of_file(path, profile).await,
        }
    }
}

async fn of_file(path: &Path, profile: &str) -> Result<Signer, AskError> {
    let text = read(path).await?;
    let found = |name: &str| member(&text, profile, name).map(|value| Zeroizing::new(value.to_owned()));
    match (member(&text, profile, "aws_access_key_id"), found("aws_secret_access_key")) {
        (Some(id), Some(secret_access_key)) => {
            Ok(Signer { access_key_id: id.to_owned(), secret_access_key, session_token: found("aws_session_token") })
        }
        _ => Err(AskError::Refused(format!(
            "{} has no aws_access_key_id and aws_secret_access_key in the profile [{profile}]",
            path.display()
        ))),
    }
}

/// A small file with a secret.
///
/// # Errors
/// [`AskError::Away`] when it cannot be read.
pub async fn read(path: &Path) -> Result<Zeroizing<String>, AskError> {
    match tokio::fs::read_to_string(path).await {
        Ok(text) => Ok(Zeroizing::new(text)),
        // It may be replaced in this moment, so it is worth another look.
        Err(error) => Err(AskError::Away(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// The value of `name` in the section `[profile]`.
fn member<'a>(text: &'a str, profile: &str, name: &str) -> Option<&'a str> {
    let mut is_in = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_in = section.trim() == profile;
        } else if is_in
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == name
        {
            return Some(value.trim()).filter(|value| !value.is_empty());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=b=c\n\n[ other ]\n\
                        aws_access_key_id = O\naws_secret_access_key = s\naws_session_token = t\n[half]\naws_access_key_id = H\n";

    async fn signer(profile: &str) -> Result<Signer, AskError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), FILE).unwrap();
        AwsCredentials::File { path: file.path().to_owned(), profile: profile.to_owned() }.signer().await
    }

    #[tokio::test]
    async fn a_profile_is_read_as_the_aws_tools_write_it() {
        let own = signer("default").await.unwrap();
        let other = signer("other").await.unwrap();

        assert_eq!((own.access_key_id.as_str(), own.secret_access_key.as_str()), ("A", "b=c"));
        assert!(own.session_token.is_none());
        assert_eq!(other.session_token.unwrap().as_str(), "t");
    }

    #[tokio::test]
    async fn half_a_profile_is_refused_by_name() {
        for profile in ["half", "absent"] {
            let Err(AskError::Refused(why)) = signer(profile).await else { panic!("{profile} was taken") };
            assert!(why.contains(profile) && why.contains("aws_secret_access_key"), "{why}");
        }
    }
}
