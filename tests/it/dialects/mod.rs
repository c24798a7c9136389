//! The contracts of Nango, Omni and Trackstar.

mod description;
mod nango;
mod nango_client;
mod paths;
mod trackstar;
