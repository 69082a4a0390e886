//! The product from outside: the real server, real receivers, and what a vendor's program sees. Files are stories.

mod access;
mod audit;
mod bad_input;
mod bigquery;
mod cli;
mod contract;
mod crash;
mod delivery;
mod egress;
mod embed;
mod hostile;
mod hosts;
mod http_api;
mod isolation;
mod kafka;
mod key_services;
mod keys;
mod plugin_new;
mod publishing;
mod retry;
mod rotation;
mod s3;
mod seaweed;
mod story;
mod streams;
mod webhook;
