//! An append-only file of checksummed records: one snapshot, then what changed since.
//!
//! Layout: eight bytes of magic and version, then per record: length (u32, little-endian), CRC-32 of the length, CRC-32 of the
//! record, the record. The length has a checksum of its own so that a damaged length is not taken for a torn tail, which
//! would drop the sound records behind it.

use std::{
    fs::{File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{
    Error,
    files::{self, at},
};

/// Magic and format version (the last byte).
const MAGIC: [u8; 8] = *b"EASjrnl\x01";
const HEAD: usize = 12;
/// Largest record.
const RECORD_MAX: usize = 64 << 20;
/// Largest journal that is read.
const FILE_MAX: u64 = 256 << 20;

/// The journal of one thing (a collection, the folder list) of one device. Only to be used under the device's lock.
#[derive(Debug)]
pub struct Journal {
    /// `None` for a device of which nothing is kept.
    file: Option<PathBuf>,
    /// Where the next record goes, once the file was read.
    end: Option<u64>,
}

impl Journal {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file, end: None }
    }

    /// All records in order; the first is the snapshot. Empty when there is no journal. A torn record at the end (crash while
    /// writing) is cut off: its answer never left. Damage anywhere else is [`Error::Unreadable`].
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn load(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let bytes = files::read(file, FILE_MAX)?.unwrap_or_default();
        let (records, end) = split(&bytes).map_err(|reason| unreadable(file, reason))?;
        self.end = Some(end as u64);
        Ok(records.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// Appends one record; it is on disk (fsync) when this returns.
    ///
    /// # Errors
    /// The file system refuses; the journal is as before.
    pub async fn append(&mut self, record: &[u8]) -> Result<(), Error> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let end = match self.end.take() {
            Some(end) => end,
            None => {
                self.load()?;
                self.end.take().unwrap_or_default()
            }
        };
        let mut bytes = if end == 0 { MAGIC.to_vec() } else { Vec::new() };
        frame(&file, record, &mut bytes)?;
        let new_end = end + bytes.len() as u64;
        files::blocking(&file, move |file| write_at(&file, end, &bytes)).await?;
        self.end = Some(new_end);
        Ok(())
    }

    /// Replaces the whole journal by these records, atomically.
    ///
    /// # Errors
    /// The file system refuses; the journal is as before.
    pub async fn replace(&mut self, records: &[Vec<u8>]) -> Result<(), Error> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let mut bytes = MAGIC.to_vec();
        for record in records {
            frame(&file, record, &mut bytes)?;
        }
        self.end = None;
        let end = bytes.len() as u64;
        files::blocking(&file, move |file| files::replace(&file, &bytes, None)).await?;
        self.end = Some(end);
        Ok(())
    }

    /// Deletes the journal.
    ///
    /// # Errors
    /// The file system refuses.
    pub async fn remove(&mut self) -> Result<(), Error> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        self.end = None;
        files::blocking(&file, |file| files::remove(&file)).await
    }
}

fn unreadable(file: &Path, reason: String) -> Error {
    Error::Unreadable { file: file.to_owned(), line: 0, reason }
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

fn frame(file: &Path, record: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let length = u32::try_from(record.len()).ok().filter(|_| record.len() <= RECORD_MAX);
    let length = length.ok_or_else(|| unreadable(file, format!("a record of {} bytes is too long", record.len())))?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc(&length.to_le_bytes()));
    out.extend_from_slice(&crc(record));
    out.extend_from_slice(record);
    Ok(())
}

/// Writes at `end`, dropping what may stand behind it. After a failure the file is cut back as far as the system lets us; what
/// stays in spite of that is a torn tail.
fn write_at(file: &Path, end: u64, bytes: &[u8]) -> Result<(), Error> {
    let dir = file.parent().unwrap_or(Path::new("."));
    let new = end == 0;
    if new {
        files::create_dir(dir)?;
    }
    let mut open =
        OpenOptions::new().write(true).create(new).truncate(false).mode(0o600).open(file).map_err(at(file))?;
    let written = append(&mut open, end, bytes);
    if written.is_err() {
        let _ = open.set_len(end);
    }
    written.map_err(at(file))?;
    if new { files::sync_dir(dir) } else { Ok(()) }
}

fn append(open: &mut File, end: u64, bytes: &[u8]) -> std::io::Result<()> {
    if open.metadata()?.len() != end {
        open.set_len(end)?;
    }
    open.seek(SeekFrom::Start(end))?;
    open.write_all(bytes)?;
    open.sync_data()
}

/// Splits a journal into its records; also where the last sound one ends (0: not even the header is whole).
fn split(bytes: &[u8]) -> Result<(Vec<&[u8]>, usize), String> {
    let head = bytes.iter().zip(&MAGIC).take_while(|(a, b)| a == b).count();
    let mut rest = bytes.get(head..).unwrap_or_default();
    if head < MAGIC.len() {
        return if blank(rest) { Ok((Vec::new(), 0)) } else { Err("this is not a journal of this version".to_owned()) };
    }
    let mut records = Vec::new();
    while let Some((record, behind)) = next(rest).map_err(|reason| at_offset(bytes.len() - rest.len(), reason))? {
        records.push(record);
        rest = behind;
    }
    Ok((records, bytes.len() - rest.len()))
}

/// A record, and what follows it.
type Record<'a> = (&'a [u8], &'a [u8]);

/// The next record and what follows it; `None` at the end or before a torn tail.
fn next(bytes: &[u8]) -> Result<Option<Record<'_>>, &'static str> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
    let (length, sums) = head.split_at(4);
    let (length_sum, record_sum) = sums.split_at(4);
    if crc(length) != length_sum {
        return if blank(rest) { Ok(None) } else { Err("damaged length") };
    }
    let length = length.try_into().map(u32::from_le_bytes).map_or(usize::MAX, |n| n as usize);
    if length > RECORD_MAX {
        return Err("length out of range");
    }
    let Some((record, behind)) = rest.split_at_checked(length) else { return Ok(None) };
    if crc(record) == record_sum {
        Ok(Some((record, behind)))
    } else if blank(behind) {
        Ok(None)
    } else {
        Err("damaged record")
    }
}

/// File systems may lengthen a file with zeros before the data is there.
fn blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| *b == 0)
}

fn at_offset(offset: usize, reason: &str) -> String {
    format!("{reason} at byte {offset}; delete the file to let the phone fetch that collection anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sample(dir: &Path) -> (PathBuf, Vec<Vec<u8>>) {
        let file = dir.join("a/x.journal");
        let records: Vec<Vec<u8>> = vec![b"snapshot".to_vec(), Vec::new(), vec![0; 40], b"last".to_vec()];
        let mut journal = Journal::new(Some(file.clone()));
        for record in &records {
            journal.append(record).await.expect("append");
        }
        (file, records)
    }

    #[tokio::test]
    async fn records_come_back_in_order() {
        let dir = tempfile::tempdir().expect("dir");
        let (file, records) = sample(dir.path()).await;
        let mut journal = Journal::new(Some(file));
        assert_eq!(journal.load().expect("load"), records);
        journal.replace(&[b"new".to_vec()]).await.expect("replace");
        journal.append(b"more").await.expect("append");
        assert_eq!(journal.load().expect("load"), [b"new".to_vec(), b"more".to_vec()]);
        journal.remove().await.expect("remove");
        assert_eq!(journal.load().expect("load"), Vec::<Vec<u8>>::new());
        journal.append(b"again").await.expect("append");
        assert_eq!(journal.load().expect("load"), [b"again".to_vec()]);
    }

    /// A crash may leave any part of the last record: what came before must be whole, and the next record must fit behind it.
    #[tokio::test]
    async fn a_cut_at_any_byte_keeps_the_records_before_it() {
        let dir = tempfile::tempdir().expect("dir");
        let (file, records) = sample(dir.path()).await;
        let whole = std::fs::read(&file).expect("read");
        let mut ends = vec![MAGIC.len()];
        for record in &records {
            ends.push(ends.last().expect("end") + HEAD + record.len());
        }
        for cut in 0..=whole.len() {
            for zeros in [0, 5, 100] {
                let mut torn = whole[..cut].to_vec();
                torn.resize(cut + zeros, 0);
                std::fs::write(&file, &torn).expect("write");
                let mut journal = Journal::new(Some(file.clone()));
                let kept = journal.load().expect("torn, not damaged");
                let sound = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
                assert_eq!(kept.get(..sound), records.get(..sound), "cut at {cut}");
                assert!(kept.len() == sound || zeros > 0, "cut at {cut}");
                journal.append(b"next").await.expect("append");
                let mut expected = kept;
                expected.push(b"next".to_vec());
                assert_eq!(Journal::new(Some(file.clone())).load().expect("load"), expected, "cut at {cut}");
            }
        }
    }

    #[tokio::test]
    async fn damage_before_the_last_record_is_told() {
        let dir = tempfile::tempdir().expect("dir");
        let (file, records) = sample(dir.path()).await;
        let whole = std::fs::read(&file).expect("read");
        let last = whole.len() - HEAD - records.last().expect("last").len();
        for at in 0..last {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            std::fs::write(&file, &damaged).expect("write");
            let mut journal = Journal::new(Some(file.clone()));
            assert!(matches!(journal.load(), Err(Error::Unreadable { .. })), "byte {at}");
            assert!(journal.append(b"x").await.is_err(), "byte {at}");
            assert_eq!(std::fs::read(&file).expect("read"), damaged);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_split_without_panic(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = split(&tail);
            let bytes = [MAGIC.as_slice(), &tail].concat();
            if let Ok((_, end)) = split(&bytes) {
                proptest::prop_assert!(end <= bytes.len());
            }
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_leaves_the_journal_as_it_was() {
        let mut journal = Journal::new(Some(PathBuf::from("/dev/full")));
        journal.end = Some(8);
        assert!(journal.append(b"x").await.is_err());
    }
}
