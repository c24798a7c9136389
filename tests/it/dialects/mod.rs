//! The contracts of Nango, Omni and Trackstar.

mod description;
mod paths;
mod trackstar;
