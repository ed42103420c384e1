use clap::CommandFactory;

use super::*;

#[test]
fn definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_flag_is_explained() {
    for sub in Cli::command().get_subcommands() {
        for argument in sub.get_arguments() {
            assert!(argument.get_help().is_some(), "{} {}", sub.get_name(), argument.get_id());
        }
        assert!(sub.get_after_help().is_some_and(|help| help.to_string().contains("horde-eas")), "{}", sub.get_name());
    }
}
