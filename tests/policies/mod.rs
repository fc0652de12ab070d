//! Policies: an ADMIN writes them, everybody who is signed in reads them, decisions stand on them.

mod decisions;
mod required;
mod shown;
mod writing;
