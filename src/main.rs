//! The program.

fn main() -> std::process::ExitCode {
    horde_eas::cli::main()
}
