//! From what a person types to a number that may be called: national forms, what is abroad, what is refused in words.

use convoke_types::{E164, Fault, NumberRefusal};

/// Short numbers that are never dialled from a conference: an emergency service must reach the caller's place and line.
const EMERGENCY: [&str; 8] = ["110", "112", "113", "118", "119", "911", "999", "000"];

/// The rules of the installation (architecture, decision 14). By default nobody dials abroad.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DialPlan {
    /// Country code of home without a plus sign (`49`, `1`); without it only international forms in `allowed` are dialled.
    pub home_country_code: Option<String>,
    /// What precedes a national number in national dialling (`0` in most of Europe, `1` in North America).
    pub national_prefix: String,
    /// What precedes an international number in national dialling (`00`, `011`).
    pub international_prefix: String,
    /// Beginnings of numbers abroad that may be called, in international form (`+44`).
    pub allowed: Vec<String>,
    /// Beginnings of numbers that may not be called, in international form (`+1900`); they win over `allowed`.
    pub refused: Vec<String>,
}

impl DialPlan {
    /// Reads a number as people write it and checks that it may be dialled.
    ///
    /// # Errors
    /// `number-refused`, in words, when it is no number, an emergency number, refused, or abroad and not permitted.
    pub fn number(&self, text: &str) -> Result<E164, Fault> {
        let number = self.international(text)?;
        self.permit(&number)?;
        Ok(number)
    }

    /// Checks that a number may be dialled.
    ///
    /// # Errors
    /// `number-refused`.
    pub fn permit(&self, number: &E164) -> Result<(), Fault> {
        let begins =
            |prefix: &String| !prefix.is_empty() && number.as_str().starts_with(prefix.as_str());
        if self.refused.iter().any(begins) {
            return Err(Fault::number(
                NumberRefusal::Premium,
                "a number that this server may call (premium and similar numbers are refused)",
                number.masked(),
            ));
        }
        let home = self
            .home_country_code
            .as_ref()
            .is_some_and(|code| number.digits().starts_with(code.as_str()));
        if home || self.allowed.iter().any(begins) {
            return Ok(());
        }
        Err(Fault::number(
            NumberRefusal::Abroad,
            "a number at home or in a permitted country ([dialplan] abroad)",
            format!("{} abroad", number.masked()),
        ))
    }

    fn international(&self, text: &str) -> Result<E164, Fault> {
        let typed = text.strip_prefix("tel:").unwrap_or(text).trim();
        let not_a_number = || {
            let expected = "a number, such as +15550107";
            Fault::number(NumberRefusal::NoNumber, expected, "something else")
        };
        if typed.starts_with('+') {
            return typed.parse().map_err(|_| not_a_number());
        }
        let digits: String = typed.chars().filter(|c| !" -.()/".contains(*c)).collect();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(not_a_number());
        }
        if EMERGENCY.contains(&digits.as_str()) {
            return Err(Fault::number(
                NumberRefusal::Emergency,
                "a number outside the emergency services (dial those from your own telephone)",
                "an emergency number",
            ));
        }
        let abroad = (!self.international_prefix.is_empty())
            .then(|| digits.strip_prefix(&self.international_prefix))
            .flatten();
        if let Some(rest) = abroad {
            return format!("+{rest}").parse().map_err(|_| not_a_number());
        }
        let Some(code) = &self.home_country_code else {
            return Err(Fault::number(
                NumberRefusal::National,
                "a number in international form, as no home country is configured",
                "a national number",
            ));
        };
        let national = digits
            .strip_prefix(&self.national_prefix)
            .unwrap_or(&digits);
        format!("+{code}{national}")
            .parse()
            .map_err(|_| not_a_number())
    }
}

#[cfg(test)]
mod tests {
    use convoke_types::FaultCode;

    use super::*;

    fn germany() -> DialPlan {
        DialPlan {
            home_country_code: Some("49".into()),
            national_prefix: "0".into(),
            international_prefix: "00".into(),
            allowed: vec!["+43".into()],
            refused: vec!["+49900".into()],
        }
    }

    fn check(typed: &str, dialled: Option<&str>) {
        let came = germany().number(typed);
        assert_eq!(
            came.as_ref().ok().map(E164::as_str),
            dialled,
            "{typed}: {came:?}"
        );
    }

    #[test]
    fn numbers_are_dialled_as_people_write_them() {
        check("+49 30 901820", Some("+4930901820"));
        check("030 90 18 20", Some("+4930901820"));
        check("0043 1 23456", Some("+43123456"));
        check("tel:+4930901820", Some("+4930901820"));
    }

    #[test]
    fn nobody_dials_abroad_premium_or_the_emergency_services() {
        for typed in [
            "+15550107",
            "0015550107",
            "+499001234567",
            "0900 1234567",
            "112",
            "110",
            "bob",
            "",
            "+",
            "12x4",
        ] {
            check(typed, None);
        }
    }

    #[test]
    fn without_a_home_country_nothing_is_dialled() {
        let plan = DialPlan::default();
        for typed in ["+4930901820", "03090182000"] {
            assert_eq!(
                plan.number(typed).unwrap_err().code,
                FaultCode::NumberRefused
            );
        }
    }

    #[test]
    fn programs_are_told_why() {
        for (typed, why) in [
            ("+15550107", NumberRefusal::Abroad),
            ("0900 1234567", NumberRefusal::Premium),
            ("112", NumberRefusal::Emergency),
            ("bob", NumberRefusal::NoNumber),
        ] {
            let fault = germany().number(typed).unwrap_err();
            assert_eq!(fault.why, Some(why), "{typed}");
        }
        let fault = DialPlan::default().number("030901820").unwrap_err();
        assert_eq!(fault.why, Some(NumberRefusal::National));
    }
}
