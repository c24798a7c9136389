//! The contracts of Nango, Omni and Trackstar.

mod description;
mod omni;
mod paths;
