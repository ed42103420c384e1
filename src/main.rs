//! The program.

/// Thousands of waiting requests are as many small allocations: glibc's allocator takes a sixth more for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    horde_eas::cli::main()
}
