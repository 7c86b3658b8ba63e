//! The mailx binary: parse → application → exit code. Everything is in [`mailx::cli`].

fn main() -> std::process::ExitCode {
    mailx::cli::main(std::env::args_os())
}
