//! Which Kafkas are tried, and what is fetched for each?

use std::path::PathBuf;

use crate::peers;
use crate::trouble::Result;

/// An Apache Kafka. What worked on Java 17: 4.1.1 and 3.9.1 as they are; 2.8.2 with its own ZooKeeper 3.5.9; 2.1.1 with that
/// ZooKeeper in place of its 3.4.13, which resolves no addresses on a Java this new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 4.1: no trace of the old protocol versions is left.
    V4_1,
    /// 3.9: the last that speaks them all.
    V3_9,
    /// 2.8: the last before most of today's versions of the requests.
    V2_8,
    /// 2.1: the oldest that Freehold speaks with.
    V2_1,
}

impl Version {
    /// The current one.
    pub const CURRENT: Version = Version::V4_1;

    /// As Maven has it.
    pub fn number(self) -> &'static str {
        match self {
            Version::V4_1 => "4.1.1",
            Version::V3_9 => "3.9.1",
            Version::V2_8 => "2.8.2",
            Version::V2_1 => "2.1.1",
        }
    }

    pub(super) fn needs_zookeeper(self) -> bool {
        matches!(self, Version::V2_8 | Version::V2_1)
    }

    /// Fetches it and all that it depends on.
    pub(super) fn libraries(self) -> Result<PathBuf> {
        peers::java_libraries(&format!("kafka-{}", self.number()), &self.pom())
    }

    fn pom(self) -> String {
        let scala = if self == Version::V2_1 { "2.12" } else { "2.13" };
        let logging = if self.needs_zookeeper() { "1.7.30" } else { "1.7.36" };
        let zookeeper = if self.needs_zookeeper() {
            dependency("org.apache.zookeeper", "zookeeper", "3.5.9")
        } else {
            String::new()
        };
        let kafka = dependency("org.apache.kafka", &format!("kafka_{scala}"), self.number());
        // Writes to stderr, where its start is looked for.
        let logger = dependency("org.slf4j", "slf4j-simple", logging);
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
             <groupId>peers</groupId><artifactId>kafka</artifactId><version>1</version>\
             <dependencies>{kafka}{zookeeper}{logger}</dependencies></project>\n"
        )
    }
}

/// A dependency without loggers of its own, and without the network library that only ZooKeeper's TLS needs.
fn dependency(group: &str, artifact: &str, version: &str) -> String {
    let unwanted = [("org.slf4j", "slf4j-log4j12"), ("org.slf4j", "slf4j-reload4j"), ("io.netty", "*")];
    let exclusions: String = unwanted
        .iter()
        .map(|(group, artifact)| {
            format!("<exclusion><groupId>{group}</groupId><artifactId>{artifact}</artifactId></exclusion>")
        })
        .collect();
    format!(
        "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>\
         <exclusions>{exclusions}</exclusions></dependency>"
    )
}
