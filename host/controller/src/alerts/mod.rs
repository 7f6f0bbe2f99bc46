//! Who is told what: digests of new matches, composed once and sent until they are taken.
