-- A state as version 0.1.0 of 2026-11-28 left it (schema 2); made by that program, see test_upgrade.py.
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE builds (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    change INTEGER NOT NULL DEFAULT 0,      -- counts whatever changed in `indicators` and `false_positives`
    last_generation INTEGER NOT NULL DEFAULT 0, -- the highest number given away, to held builds too
    built_change INTEGER NOT NULL DEFAULT 0, -- `change` that the active generation holds
    built_settings TEXT,                    -- and the settings that it was made with
    built_feeds TEXT,                       -- JSON: the feeds that it is made of, with their roles
    built INTEGER,                          -- when
    next_expiry INTEGER,                    -- when the first of its indicators is of no more use
    held_change INTEGER,                    -- the same of a build that was held back
    held_settings TEXT,
    held TEXT,                              -- JSON: why it is held back; NULL when none is
    allowed INTEGER NOT NULL DEFAULT 0      -- 1 when the next build is taken whatever it drops
) STRICT;
INSERT INTO "builds" VALUES(1,6,3,6,'("default", false, false, None, [("list", false), ("ours", true), ("stix", false)])','["list","stix"]',1795944017993142,NULL,NULL,NULL,NULL,0);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    file INTEGER NOT NULL REFERENCES files (id),
    offset INTEGER NOT NULL,                -- of the line's first byte in the decompressed stream
    line INTEGER NOT NULL,                  -- counted from 1
    uid TEXT NOT NULL,
    occurred INTEGER,                       -- the event's own time
    source TEXT,                            -- the host it is from: ECS source.ip, source.domain or host.name
    raw TEXT NOT NULL,                      -- the line, cut to 2,048 characters
    UNIQUE (file, offset)
) STRICT;
INSERT INTO "events" VALUES(1,1,103,2,'dbc8f131095f7ee8a1575d4e341440f1',1795322416357000,'10.1.2.3','1795322416.357 0 10.1.2.3 TCP_MISS/200 603 GET http://www.evil.example/1 - HIER_DIRECT/192.0.2.7 text/html');
INSERT INTO "events" VALUES(2,1,314,4,'8cc4182c7ccf3723181427a6e8cf6d67',1795322418357000,'10.1.2.3','1795322418.357 0 10.1.2.3 TCP_MISS/200 603 GET http://stix.example/3 - HIER_DIRECT/192.0.2.7 text/html');
INSERT INTO "events" VALUES(3,2,106,2,'ef4389f91be6a23c9efc217652d1ed17',1795322516357000,'10.1.2.3','1795322516.357 0 10.1.2.3 TCP_MISS/200 603 GET http://evil.example/101 - HIER_DIRECT/192.0.2.7 text/html');
INSERT INTO "events" VALUES(4,1,210,3,'de77964c975158875f22b5f733253e4e',1795322417357000,'10.1.2.3','1795322417.357 0 10.1.2.3 TCP_MISS/200 603 GET http://later.example/2 - HIER_DIRECT/192.0.2.7 text/html');
INSERT INTO "events" VALUES(5,1,417,5,'11b8c546bf5b364410daa50e42354334',1795322419357000,'10.1.2.3','1795322419.357 0 10.1.2.3 TCP_MISS/200 603 GET http://www.ours.example/4 - HIER_DIRECT/192.0.2.7 text/html');
CREATE TABLE false_positives (
    id INTEGER PRIMARY KEY,
    is_indicator INTEGER NOT NULL,          -- 1 when `target` is an indicator's id, 0 when it is a value
    target TEXT NOT NULL,                   -- of values the form that is compared
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (is_indicator, target)
) STRICT;
INSERT INTO "false_positives" VALUES(1,0,'evil.example','our own',1795944017182196);
CREATE TABLE feeds (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cursor TEXT,                            -- JSON of the fetcher's own: where the next poll goes on
    attempted INTEGER,                      -- last poll
    succeeded INTEGER,                      -- last poll without an error
    changed INTEGER,                        -- last poll that changed anything
    failures INTEGER NOT NULL DEFAULT 0,    -- in a row
    next_attempt INTEGER,                   -- not to be polled before
    error TEXT,                             -- of the last poll; NULL when it succeeded
    held TEXT,                              -- JSON: what is held back and why; NULL when nothing is
    allowed INTEGER NOT NULL DEFAULT 0,     -- 1 when the next delivery is taken whatever it drops
    active INTEGER NOT NULL DEFAULT 0,      -- rows of `indicators` that are active
    report TEXT                             -- JSON: counts of the last poll that delivered anything
) STRICT;
INSERT INTO "feeds" VALUES(1,'list','{"bytes":71,"digest":"4cfe2c507432582f90d40a9b88e0963bd18961a8d33b5e08170ed99d214af4e2","files":1,"source":"9454d71bab168ae4"}',1795944017993142,1795944017993142,1795944017993142,0,NULL,NULL,NULL,0,5,'{"added":1,"changed":0,"removed":0,"revoked":0,"refused":0,"held":null}');
INSERT INTO "feeds" VALUES(2,'stix','{"bytes":414,"digest":"78141a5acfe7a79fd556de703729207eb3ecd01877d3b0d30ae5c06b9ba9c7cd","files":1,"source":"faf13ae841d53d97"}',1795944017993142,1795944017993142,1795944016747221,0,NULL,NULL,NULL,0,1,'{"added":1,"changed":0,"removed":0,"revoked":0,"refused":0,"held":null}');
INSERT INTO "feeds" VALUES(3,'ours','{"bytes":17,"digest":"cccbb5138e91c1b68bd45727ed107c32822c99976c7978b3d5acd65e4c58b3b6","files":1,"source":"e691c55f72cf002c"}',1795944017993142,1795944017993142,1795944016747221,0,NULL,NULL,NULL,0,1,'{"added":1,"changed":0,"removed":0,"revoked":0,"refused":0,"held":null}');
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,                   -- the configured log source's name
    digest BLOB NOT NULL,                   -- BLAKE3 of the first `digest_bytes` of the decompressed stream
    digest_bytes INTEGER NOT NULL,          -- up to 4,096; grows with a small file
    identity BLOB NOT NULL DEFAULT x'',     -- names the file in its events' uids, and never changes
    path TEXT NOT NULL,                     -- last seen at
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,                  -- bytes on disk when last looked at
    modified INTEGER NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0,     -- 1 when nothing is left to match in it as it was then
    gone INTEGER NOT NULL DEFAULT 0,        -- 1 when the last round did not find it
    offset INTEGER NOT NULL DEFAULT 0,      -- bytes of the decompressed stream that are matched
    partial INTEGER NOT NULL DEFAULT 0,     -- bytes after `offset`, of a last line without an end, that were matched as they stood
    lines INTEGER NOT NULL DEFAULT 0,       -- lines before `offset`
    format TEXT,
    header BLOB,                            -- the log's own header lines in force at `offset` (Zeek)
    newest INTEGER,                         -- latest event time met
    seen INTEGER NOT NULL                   -- last round that found it other than it was
) STRICT;
INSERT INTO "files" VALUES(1,'proxy',X'9143D07BF58BEB57A7434DFC3811E04E48078F6A5FFBB76401BBDD3016536180',627,X'9143D07BF58BEB57A7434DFC3811E04E48078F6A5FFBB76401BBDD3016536180','@FOLDER@/logs/access.log',65024,9994641,627,1795944016538410,1,1,627,0,6,'squid',X'',1795322420357000,2);
INSERT INTO "files" VALUES(2,'proxy',X'E43970A47F97E4D9C579FBF809544AFC51E101F40BE19E2670FAD83A0970FB65',316,X'E43970A47F97E4D9C579FBF809544AFC51E101F40BE19E2670FAD83A0970FB65','@FOLDER@/logs/access.log.1',65024,9994658,316,1795944016538589,0,1,316,0,3,'squid',X'',1795322517357000,1);
CREATE TABLE generations (
    generation INTEGER PRIMARY KEY,
    built INTEGER NOT NULL,
    file TEXT NOT NULL,
    digest BLOB NOT NULL,                   -- the blacklist's own
    entries INTEGER NOT NULL,
    active INTEGER NOT NULL                 -- 1 for the one in use
) STRICT;
INSERT INTO "generations" VALUES(1,1795944016747221,'default-1.blacklist',X'93E5DE6A18AD4DBE1508E35EE7C3ACA350173E0CB8FD38EA2CDCF2630A67AC29',3,0);
INSERT INTO "generations" VALUES(2,1795944017333097,'default-2.blacklist',X'AA741D170B6ADA0233462DC8C79BE09BA7987ECEC06D531877432EB5FCB54CDC',4,0);
INSERT INTO "generations" VALUES(3,1795944017993142,'default-3.blacklist',X'B3B9C83BBA43F44629C6379C6D5CD879A611C751865980AE3D0FECE3DFFED83C',5,1);
CREATE TABLE history_files (
    job INTEGER NOT NULL REFERENCES history_jobs (id),
    file INTEGER NOT NULL REFERENCES files (id),
    until INTEGER NOT NULL,                 -- bytes of the decompressed stream
    done INTEGER NOT NULL DEFAULT 0,        -- bytes matched so far
    lines INTEGER NOT NULL DEFAULT 0,       -- lines before `done`
    header BLOB,                            -- the log's own header lines in force at `done` (Zeek)
    missed TEXT,                            -- why the rest of it cannot be matched
    PRIMARY KEY (job, file)
) STRICT, WITHOUT ROWID;
INSERT INTO "history_files" VALUES(1,1,627,627,6,X'',NULL);
INSERT INTO "history_files" VALUES(1,2,316,0,0,NULL,'the file is gone');
INSERT INTO "history_files" VALUES(2,1,627,0,0,NULL,'the file is gone');
INSERT INTO "history_files" VALUES(2,2,316,0,0,NULL,'the file is gone');
CREATE TABLE history_jobs (
    id INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL,
    blacklist TEXT NOT NULL,
    entries INTEGER NOT NULL,
    created INTEGER NOT NULL,
    ended INTEGER
) STRICT;
INSERT INTO "history_jobs" VALUES(1,2,'2.blacklist',2,1795944017333097,1795944017333097);
INSERT INTO "history_jobs" VALUES(2,3,'3.blacklist',1,1795944017993142,1795944017993142);
CREATE TABLE indicators (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- STIX id; of lists the value
    state INTEGER NOT NULL,                 -- 0 active, 1 revoked, 2 removed from its list
    modified INTEGER,                       -- the publisher's; NULL is older than any
    changed INTEGER NOT NULL,               -- when this row last changed
    body BLOB NOT NULL,                     -- values and what is known of them: store/body.rs
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "indicators" VALUES(1,'evil.example',0,NULL,1795944016747221,X'0300FFFF00000100010000');
INSERT INTO "indicators" VALUES(1,'gone.example',0,NULL,1795944017993142,X'0300FFFF00000100010000');
INSERT INTO "indicators" VALUES(1,'later.example',0,NULL,1795944017333097,X'0300FFFF00000100010000');
INSERT INTO "indicators" VALUES(1,'ours.example',0,NULL,1795944017333097,X'0300FFFF00000100010000');
INSERT INTO "indicators" VALUES(1,'unrelated.example',0,NULL,1795944016747221,X'0300FFFF00000100010000');
INSERT INTO "indicators" VALUES(2,'indicator--00000000-0000-4000-8000-000000000000',0,1767225600000000,1795944016747221,X'030050FF0D737469782E6578616D706C650001010040FAC1089B050001000D737469782E6578616D706C65');
INSERT INTO "indicators" VALUES(3,'www.ours.example',0,NULL,1795944016747221,X'0300FFFF00000100010000');
CREATE TABLE left_out (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    origin INTEGER NOT NULL,                -- 0 of a delivery, 1 of the last build
    indicator TEXT NOT NULL,                -- STIX id, or a list's line
    value TEXT NOT NULL,                    -- the value, line or pattern
    kind TEXT NOT NULL,                     -- counted by
    reason TEXT NOT NULL,
    is_pattern INTEGER NOT NULL             -- 1 for a STIX pattern that says more than a blacklist can hold
) STRICT;
CREATE TABLE log_troubles (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    what TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;
INSERT INTO "log_troubles" VALUES('proxy','@FOLDER@/logs/access.log*','no file matches the pattern',1795944017993142);
CREATE TABLE mails (
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body BLOB NOT NULL,                     -- RFC 5322
    tlp INTEGER,                            -- the strictest marking of what it tells; NULL unmarked
    composed INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt INTEGER,
    error TEXT,
    state INTEGER NOT NULL DEFAULT 0,       -- 0 waiting, 1 sent, 2 given up
    sent INTEGER
) STRICT;
INSERT INTO "mails" VALUES(1,'<783b02ee9099877c98ab0e57ece44886@soc.example>','soc@soc.example','[threatsieve] 2 indicators matched, 3 events, 1 host (stix[.]example, evil[.]example)',X'',NULL,1795944016747221,0,NULL,NULL,1,1795944016747221);
INSERT INTO "mails" VALUES(2,'<72397f59cbd04ff38731269855ee628d@soc.example>','soc@soc.example','[threatsieve] 2 indicators matched, 2 events, 1 host (later[.]example, ours[.]example)',X'',NULL,1795944017333097,0,NULL,NULL,1,1795944017333097);
CREATE TABLE markings (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,
    definition TEXT NOT NULL,               -- JSON of the STIX object
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE matches (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES events (id),
    feed TEXT NOT NULL,
    indicator TEXT NOT NULL,                -- STIX id; of lists the value
    entry_type TEXT NOT NULL,
    entry TEXT NOT NULL,
    observable TEXT NOT NULL,
    field TEXT NOT NULL,
    how TEXT NOT NULL,
    confidence INTEGER,
    tlp INTEGER,                            -- 0 CLEAR to 4 RED; NULL unmarked
    name TEXT,
    generation INTEGER NOT NULL,
    found INTEGER NOT NULL,
    historic INTEGER NOT NULL,              -- 1 when found in lines matched before
    written INTEGER NOT NULL DEFAULT 1,     -- 1 when the indicator's details are in the output, 0 when its marking forbids that
    retracted INTEGER,
    told INTEGER NOT NULL DEFAULT 0,        -- 1 when mails about it were composed, or none is wanted
    UNIQUE (event, feed, indicator)
) STRICT;
INSERT INTO "matches" VALUES(1,1,'list','evil.example','domain-name','evil.example','http://www.evil.example/1','url.original','subdomain',NULL,NULL,NULL,1,1795944016747221,0,1,1795944017182196,1);
INSERT INTO "matches" VALUES(2,2,'stix','indicator--00000000-0000-4000-8000-000000000000','domain-name','stix.example','http://stix.example/3','url.original','exact',80,NULL,'stix.example',1,1795944016747221,0,1,NULL,1);
INSERT INTO "matches" VALUES(3,3,'list','evil.example','domain-name','evil.example','http://evil.example/101','url.original','exact',NULL,NULL,NULL,1,1795944016747221,0,1,1795944017182196,1);
INSERT INTO "matches" VALUES(4,4,'list','later.example','domain-name','later.example','http://later.example/2','url.original','exact',NULL,NULL,NULL,2,1795944017333097,1,1,NULL,1);
INSERT INTO "matches" VALUES(5,5,'list','ours.example','domain-name','ours.example','http://www.ours.example/4','url.original','subdomain',NULL,NULL,NULL,2,1795944017333097,1,1,NULL,1);
CREATE TABLE mutes (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                     -- indicator, host, source
    value TEXT NOT NULL,
    until INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    silenced INTEGER NOT NULL DEFAULT 0,    -- matches that were kept from the mails
    counted INTEGER NOT NULL DEFAULT 0,     -- those of them that a mail's footer has counted
    UNIQUE (kind, value)
) STRICT;
CREATE TABLE outbox_records (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE output_files (
    path TEXT PRIMARY KEY,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO "output_files" VALUES('@FOLDER@/flagged.ndjson',65024,9994312,5750);
CREATE TABLE pending (
    feed INTEGER NOT NULL,
    id TEXT NOT NULL,
    former BLOB,                            -- its body; NULL when it was not active, or not there
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE push (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER,                     -- pushed last; NULL before the first push
    digest BLOB,                            -- its blacklist's
    attempted INTEGER,                      -- when
    taken INTEGER,                          -- when the cluster took it; NULL when it did not
    acknowledged INTEGER,                   -- when all ingest nodes were first seen to serve it
    refused TEXT,                           -- the kind of the cluster's refusal, which stands until somebody does something
    error TEXT                              -- why the last push came to nothing; NULL when it did not
) STRICT;
INSERT INTO "push" VALUES(1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE rounds (
    id INTEGER PRIMARY KEY,
    started INTEGER NOT NULL,
    ended INTEGER,
    report TEXT                             -- JSON
) STRICT;
INSERT INTO "rounds" VALUES(1,1795944016747221,1795944017035691,'{"round":1,"feeds":[{"name":"list","outcome":"taken","taken":{"added":2,"changed":0,"removed":0,"revoked":0,"refused":0,"held":null},"objects":2,"bytes":31,"seconds":0.003830853},{"name":"stix","outcome":"taken","taken":{"added":1,"changed":0,"removed":0,"revoked":0,"refused":0,"held":null},"objects":1,"bytes":414,"seconds":0.005276633},{"name":"ours","outcome":"taken","taken":{"added":1,"changed":0,"removed":0,"revoked":0,"refused":0,"held":null},"objects":1,"bytes":17,"seconds":0.00675647}],"generation":1,"held":null,"follow":{"files":2,"new_files":2,"passed_over":0,"read":2,"waiting":0,"copies":0,"gone":0,"truncated":0,"bytes":943,"lines":9,"events":3,"matches":3,"malformed":0,"unchecked":0,"without_blacklist":false,"stopped":false,"troubles":[]},"history":{"jobs_ended":0,"jobs_left":0,"files":0,"missed":0,"lines":0,"events":0,"matches":0},"records":{"written":3,"confirmed":0,"waiting":0,"error":null},"mails_composed":1,"delivery":{"sent":1,"retried":0,"given_up":0,"interrupted":false},"push":null,"errors":[],"stopped":false}');
INSERT INTO "rounds" VALUES(2,1795944017333097,1795944017846686,'{"round":2,"feeds":[{"name":"list","outcome":"taken","taken":{"added":2,"changed":0,"removed":0,"revoked":0,"refused":0,"held":null},"objects":4,"bytes":58,"seconds":0.016590041},{"name":"stix","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.016499675},{"name":"ours","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.018172293}],"generation":2,"held":null,"follow":{"files":1,"new_files":0,"passed_over":0,"read":0,"waiting":0,"copies":0,"gone":1,"truncated":0,"bytes":0,"lines":0,"events":0,"matches":0,"malformed":0,"unchecked":0,"without_blacklist":false,"stopped":false,"troubles":[]},"history":{"jobs_ended":1,"jobs_left":0,"files":1,"missed":1,"lines":6,"events":2,"matches":2},"records":{"written":4,"confirmed":0,"waiting":0,"error":null},"mails_composed":1,"delivery":{"sent":1,"retried":0,"given_up":0,"interrupted":false},"push":null,"errors":[],"stopped":false}');
INSERT INTO "rounds" VALUES(3,1795944017993142,1795944018033184,'{"round":3,"feeds":[{"name":"list","outcome":"taken","taken":{"added":1,"changed":0,"removed":0,"revoked":0,"refused":0,"held":null},"objects":5,"bytes":71,"seconds":0.002665395},{"name":"stix","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.00392588},{"name":"ours","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.005501269}],"generation":3,"held":null,"follow":{"files":0,"new_files":0,"passed_over":0,"read":0,"waiting":0,"copies":0,"gone":1,"truncated":0,"bytes":0,"lines":0,"events":0,"matches":0,"malformed":0,"unchecked":0,"without_blacklist":false,"stopped":false,"troubles":[{"source":"proxy","path":"@FOLDER@/logs/access.log*","what":"no file matches the pattern"}]},"history":{"jobs_ended":1,"jobs_left":0,"files":0,"missed":2,"lines":0,"events":0,"matches":0},"records":{"written":0,"confirmed":0,"waiting":0,"error":null},"mails_composed":0,"delivery":{"sent":0,"retried":0,"given_up":0,"interrupted":false},"push":null,"errors":[],"stopped":false}');
CREATE INDEX left_out_by_indicator ON left_out (feed, origin, indicator);
CREATE INDEX files_by_source ON files (source);
CREATE INDEX files_by_identity ON files (identity);
CREATE INDEX matches_untold ON matches (id) WHERE told = 0;
CREATE INDEX matches_by_indicator ON matches (indicator, feed);
CREATE INDEX mails_waiting ON mails (id) WHERE state = 0;
COMMIT;
