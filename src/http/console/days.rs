//! Days as a form sends them: year-month-day, and UTC as everywhere.

use crate::domain::clock::Ts;

/// What is said of one that is none.
pub(super) const WRONG: &str = "Write the day as year-month-day, such as 2027-01-31.";

/// Its first moment; `None` where it is no day.
pub(super) fn begins(day: &str) -> Option<Ts> {
    moment(day, "00:00:00")
}

/// Its last moment, which every day has: that of the year 9999 too, whose next one no column holds.
pub(super) fn ends(day: &str) -> Option<Ts> {
    moment(day, "23:59:59.999999")
}

fn moment(day: &str, time: &str) -> Option<Ts> {
    (day.len() == 10)
        .then(|| Ts::parse(&format!("{day}T{time}Z")))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_a_first_and_a_last_moment() {
        let text = |at: Option<Ts>| at.map(|at| at.to_string());
        let at = |text: &str| Some(text.to_owned());
        assert_eq!(
            text(begins("2028-02-29")),
            at("2028-02-29T00:00:00.000000Z")
        );
        assert_eq!(text(ends("2028-02-29")), at("2028-02-29T23:59:59.999999Z"));
        assert_eq!(text(ends("9999-12-31")), at("9999-12-31T23:59:59.999999Z"));
        for wrong in [
            "",
            "soon",
            "2027-02-29",
            "27-01-01",
            "2027-1-1",
            "2027-01-01T",
            "+2027-01-1",
        ] {
            assert_eq!(
                (text(begins(wrong)), text(ends(wrong))),
                (None, None),
                "{wrong}"
            );
        }
    }
}
