//! Lists in pages.

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Where the last page ended: the opaque position that came with it.
    pub after: Option<String>,
    /// How many rows, 1 to [`crate::limits::PAGE_ROWS_MAX`].
    pub limit: u32,
}

impl Default for PageRequest {
    fn default() -> Self {
        PageRequest { after: None, limit: crate::limits::PAGE_ROWS_DEFAULT }
    }
}

/// One part of a list, newest first unless the list says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page with every row put through `f`.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}
