use std::process::ExitCode;

use clap::Parser;
use signalbox::cli::{self, Cli};

/// glibc keeps the memory of every password hash; this allocator gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
