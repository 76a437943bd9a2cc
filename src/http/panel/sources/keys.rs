//! Public keys as people paste them: PEM, or Gong's line of base64, one after the other.

use crate::config::public_key;

const PEM_END: &str = "-----END PUBLIC KEY-----";

/// Splits what was pasted into keys. What is none is a part too, so that it is told of.
pub fn split(text: &str) -> Vec<String> {
    text.split_inclusive(PEM_END).flat_map(|part| part.split(',')).flat_map(paragraphs).collect()
}

/// Keys that an empty line parts, or, where each line is one, lines; a key may also be broken over several.
fn paragraphs(text: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    for line in text.lines().map(str::trim) {
        match (line.is_empty(), keys.last_mut()) {
            (false, Some(key)) => {
                key.push_str(line);
                key.push('\n');
            }
            _ => keys.push(String::new()),
        }
    }
    keys.iter().flat_map(|key| lines(key)).filter(|key| !key.is_empty()).collect()
}

fn lines(paragraph: &str) -> Vec<String> {
    let each_is_one = paragraph.lines().all(|line| public_key(line).is_some());
    if each_is_one { paragraph.lines().map(str::to_owned).collect() } else { vec![paragraph.trim_end().to_owned()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyRE6rHuNR0QbHO3H3Kt2pOKGVhQqGZXInOduQNxXzuKlvQTLUTv4l4sggh5/CYYi/cvI+SXVT9kPWSKXxJXBXd/4LkvcPuUakBoAkfh+eiFVMh2VrUyWyj3MFl0HTVF9KwRXLAcwkREiS3npThHRyIxuy0ZMeZfxVL5arMhw1SRELB8HoGfG/AtH89BIE9jDBHZ9dLelK9a184zAf8LwoPLxvJb3Il5nncqPcSfKDDodMFBIMc4lQzDKL5gvmiXLXB1AGLm8KBjfE8s3L5xqi+yUod+j8MtvIj812dkS4QMiRVN/by2h3ZY8LYVGrqZXZTcgn2ujn8uKjXLZVD5TdQIDAQAB";

    #[test]
    fn keys_are_taken_however_they_are_pasted() {
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n{PEM_END}", &KEY[..64], &KEY[64..]);
        let broken = format!("{}\n{}", &KEY[..76], &KEY[76..]);
        let pasted = [
            (KEY.to_owned(), 1),
            (pem.clone(), 1),
            (broken.clone(), 1),
            (format!("{KEY}\n{KEY}"), 2),
            (format!("{KEY},{KEY}"), 2),
            (format!("{pem}\r\n{pem}\n"), 2),
            (format!("{broken}\n\n{KEY}"), 2),
        ];
        for (text, count) in pasted {
            let keys = split(&text);
            assert_eq!(keys.len(), count, "{text}");
            assert!(keys.iter().all(|key| public_key(key).is_some()), "{keys:?}");
        }
        assert_eq!(split(" \n "), Vec::<String>::new());
        assert_eq!(split("nonsense"), ["nonsense"]);
    }
}
