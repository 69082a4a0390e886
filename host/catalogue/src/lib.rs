//! Which component does a destination run?
//!
//! Installed versions are in the store. [`Catalogue`] holds what is known of each in memory, looks around for what others
//! installed, and loads the code of a version when it is first wanted. A version may run when a signature that came with it
//! is by a trusted key, when it carries the deployment's own mark (it lay in one of the operator's folders), or when the
//! operator allows what is unsigned: so whoever can write the database cannot bring in code. Code that this deployment
//! compiled and kept was judged then, and is not judged again.

mod catalogue;
mod folder;
mod proof;
mod version;

pub use catalogue::{Catalogue, Parts};
pub use folder::{InFolder, describe};
pub use proof::Trust;
pub use version::{Gone, LoadError, Version};
