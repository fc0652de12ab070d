//! The REST face of Vetted.
