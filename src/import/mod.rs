//! Readers of foreign exports: bytes in, plain structures out. No database here.

pub mod superset;
