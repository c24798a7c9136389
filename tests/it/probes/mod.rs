//! Tests of connections: each protocol against servers that speak it, and against such as mean harm.

mod http;
