//! What every page works with.

use std::fmt;

use freehold_control::Control;
use freehold_pipeline::Pipeline;

/// What every page works with. Clones share everything.
#[derive(Clone)]
pub struct PortalState {
    pub(crate) control: Control,
    pub(crate) pipeline: Pipeline,
}

impl PortalState {
    /// The use-cases and the pipeline.
    pub fn new(control: Control, pipeline: Pipeline) -> Self {
        PortalState { control, pipeline }
    }
}

impl fmt::Debug for PortalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PortalState")
    }
}
