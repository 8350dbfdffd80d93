//! Other people's clients, as they are: the programs of `tests/interop/`, each around one library
//! of a language's own registry, against a real server.
//!
//! A program knows nothing of the test. It reads one wish per line (*get a token*, *verify this
//! one*), has its library do it, and answers with the result or with the library's own words of
//! refusal. So everything that is claimed is checked here, once for all libraries, in [`trial`].

mod agents;
mod discovery;
mod javascript;
mod language;
mod program;
mod python;
mod rust;
mod shell;
mod stage;
mod trial;
