//! The contracts of Nango, Omni and Trackstar.

mod description;
mod nango;
mod nango_client;
mod omni;
mod paths;
mod together;
mod trackstar;
