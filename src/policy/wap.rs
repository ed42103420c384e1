//! The dialect of 2.5: a WAP provisioning document for Windows Mobile.

use super::Settings;
use crate::wbxml::{Tag, tag::provision as p};

/// Inactivity lock, guard against guessing, and password, in Windows Mobile's registry.
const LOCK: &str = r"HKLM\Comm\Security\Policy\LASSD\AE\{50C13377-C66D-400C-889E-C316FC4AB374}";
const GUESSES: &str = r"HKLM\Comm\Security\Policy\LASSD";
const PASSWORD: &str = r"HKLM\Comm\Security\Policy\LASSD\LAP\lap_pw";
/// From this many seconds on there is no lock.
const NEVER: u64 = 9999;

impl Settings {
    /// The policy as text.
    pub fn wap(&self) -> String {
        let required = self.text(p::DEVICE_PASSWORD_ENABLED) == "1";
        let number = |tag: Tag| self.text(tag).parse::<u64>().ok();
        // Here 0 stands for "required".
        let mut out = characteristic("SecurityPolicy", &parm("4131", u64::from(!required)));
        if required {
            let seconds = number(p::MAX_INACTIVITY_TIME_DEVICE_LOCK).filter(|seconds| *seconds < NEVER);
            let lock = match seconds {
                Some(seconds) => parm("AEFrequencyType", 1) + &parm("AEFrequencyValue", seconds.div_ceil(60)),
                None => parm("AEFrequencyType", 0),
            };
            let guesses = number(p::MAX_DEVICE_PASSWORD_FAILED_ATTEMPTS).map(|n| parm("DeviceWipeThreshold", n));
            let length = number(p::MIN_DEVICE_PASSWORD_LENGTH).map(|n| parm("MinimumPasswordLength", n));
            let strong = self.text(p::ALPHANUMERIC_DEVICE_PASSWORD_REQUIRED) == "1";
            let password = length.unwrap_or_default() + &parm("PasswordComplexity", if strong { 0 } else { 2 });
            let registry = characteristic(LOCK, &lock)
                + &guesses.map(|parm| characteristic(GUESSES, &parm)).unwrap_or_default()
                + &characteristic(PASSWORD, &password);
            out += &characteristic("Registry", &registry);
        }
        format!("<wap-provisioningdoc>{out}</wap-provisioningdoc>")
    }
}

fn characteristic(kind: &str, content: &str) -> String {
    format!("<characteristic type=\"{kind}\">{content}</characteristic>")
}

fn parm(name: &str, value: u64) -> String {
    format!("<parm name=\"{name}\" value=\"{value}\"/>")
}
