-- A state as version 0.1.0 of 2026-11-29 left it (schema 6), with rows in every table; made by that
-- program, except for one row each of misp_changes and misp_imported. See test_upgrade.py.
PRAGMA user_version = 6;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE feeds (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cursor TEXT,                            -- JSON of the fetcher: where the next poll continues
    attempted INTEGER,                      -- time of the last poll
    succeeded INTEGER,                      -- time of the last poll without an error
    changed INTEGER,                        -- time of the last poll that changed anything
    failures INTEGER NOT NULL DEFAULT 0,    -- failed polls in a row
    next_attempt INTEGER,                   -- not polled before this time
    error TEXT,                             -- of the last poll; NULL if it succeeded
    held TEXT,                              -- JSON: what is held back and why; NULL if nothing is
    allowed INTEGER NOT NULL DEFAULT 0,     -- 1 if the next delivery is accepted whatever it drops
    active INTEGER NOT NULL DEFAULT 0,      -- number of active rows in `indicators`
    report TEXT                             -- JSON: counts of the last poll that delivered anything
, failing_since INTEGER, outside_policy TEXT, ids_changed TEXT) STRICT;
INSERT INTO feeds VALUES(1,'packages','{"bytes":1119,"digest":"3d8594eb710bda382fd150a999e74c06e21c995c732cc362e62bac7ad2186a5e","files":1,"source":"1ccdf5af8f10ba2c"}',1795992761825578,1795992761825578,1795992759261419,0,NULL,NULL,NULL,0,1,'{"added":1,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null}',NULL,'{}',NULL);
INSERT INTO feeds VALUES(2,'ours','{"bytes":17,"digest":"9010c3dfb93786e50e296bd649218d1de404fa72a00fb54fca90480a12164c05","files":1,"source":"f1378562c835e40a"}',1795992761825578,1795992761825578,1795992759261419,0,NULL,NULL,NULL,0,1,'{"added":1,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null}',NULL,'{}',NULL);
INSERT INTO feeds VALUES(3,'list','{"bytes":14,"digest":"32ba566352f05157f1e69d57743cc3a7fa8026fef9f3f96608c465bda87738b9","files":1,"source":"aca5adff23d2d386"}',1795992761825578,1795992761825578,1795992761825578,0,NULL,NULL,NULL,0,1,'{"added":0,"changed":0,"removed":5,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null}',NULL,'{}',NULL);
INSERT INTO feeds VALUES(4,'stix','{"bytes":2623,"digest":"f97818d79ab569edb8687bcbb6c4ebf197abcbcb3e529d42d00c1f5a8fa8b04f","files":1,"source":"a9c450c6072c947c"}',1795992761825578,1795992761825578,1795992759261419,0,NULL,NULL,NULL,0,3,'{"added":3,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":1,"refused":1,"older":0,"ahead":0,"skipped":0,"held":null}',NULL,'{}',NULL);
INSERT INTO feeds VALUES(5,'from-misp','{"events":{"7c270a0c-c8be-50b1-bcde-b4c6838d451e":-1},"is_complete":true,"source":"77aca26bd1db7873","whole":"2026-11-29T22:52:39.261419Z"}',1795992761825578,1795992759923668,1795992759261419,2,1795992809997560,'http://127.0.0.1:38193/events/index: no connection: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)',NULL,0,1,'{"added":0,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null}',1795992760137417,'{}',NULL);
CREATE TABLE indicators (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- STIX id; the value for a list
    state INTEGER NOT NULL,                 -- 0 active, 1 revoked, 2 removed from its list
    modified INTEGER,                       -- the publisher's time; NULL is older than any
    changed INTEGER NOT NULL,               -- time of the last change of this row
    body BLOB NOT NULL, markings TEXT,                     -- values and their details: store/body.rs
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
INSERT INTO indicators VALUES(1,'e:packaged.example',0,NULL,1795992759261419,X'0300ffff000001000100117061636b616765642e6578616d706c65',NULL);
INSERT INTO indicators VALUES(2,'www.ours.example',0,NULL,1795992759261419,X'0300ffff00000100010000',NULL);
INSERT INTO indicators VALUES(3,'10.0.0.0/8',2,NULL,1795992761825578,X'0300ffff0000010001050a0000000affffff',NULL);
INSERT INTO indicators VALUES(3,'evil.example',2,NULL,1795992761825578,X'0300ffff00000100010000',NULL);
INSERT INTO indicators VALUES(3,'later.example',0,NULL,1795992759261419,X'0300ffff00000100010000',NULL);
INSERT INTO indicators VALUES(3,'new.example',2,NULL,1795992761825578,X'0300ffff00000100010000',NULL);
INSERT INTO indicators VALUES(3,'ours.example',2,NULL,1795992761825578,X'0300ffff00000100010000',NULL);
INSERT INTO indicators VALUES(3,'refused.example',2,NULL,1795992761825578,X'0300ffff00000100010000',NULL);
INSERT INTO indicators VALUES(4,'indicator--00000000-0001-4000-8000-000000000001',0,1767225600000000,1795992759261419,X'03005001094120646f6d61696e0001010040fac1089b050001000d737469782e6578616d706c65','["marking-definition--00000000-005a-4000-8000-00000000005a","marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]');
INSERT INTO indicators VALUES(4,'indicator--00000000-0002-4000-8000-000000000002',0,1767225600000000,1795992759261419,X'0300ffff074120706169720001010040fac1089b0500010e02000d706169722e6578616d706c6504c0000207',NULL);
INSERT INTO indicators VALUES(4,'indicator--00000000-0003-4000-8000-000000000003',0,1767225600000000,1795992759261419,X'0300ffff0000010000',NULL);
INSERT INTO indicators VALUES(5,'20bbfbbc-34c0-5b1a-ace0-412f979ebe00',0,1795992759000000,1795992759261419,X'0300ffff09416e206576656e7400010001001266726f6d2d6d6973702e6578616d706c65',NULL);
CREATE TABLE pending (
    feed INTEGER NOT NULL,
    id TEXT NOT NULL,
    former BLOB, withdrawn INTEGER NOT NULL DEFAULT 0,                            -- its body; NULL if it was inactive or missing
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
INSERT INTO pending VALUES(3,'10.0.0.0/8',X'0300ffff0000010001050a0000000affffff',0);
INSERT INTO pending VALUES(3,'evil.example',X'0300ffff00000100010000',0);
INSERT INTO pending VALUES(3,'new.example',X'0300ffff00000100010000',0);
INSERT INTO pending VALUES(3,'ours.example',X'0300ffff00000100010000',0);
INSERT INTO pending VALUES(3,'refused.example',X'0300ffff00000100010000',0);
CREATE TABLE IF NOT EXISTS "rejections" (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    origin INTEGER NOT NULL,                -- 0 from a delivery, 1 from the last build
    indicator TEXT NOT NULL,                -- STIX id, or the line number in a list
    value TEXT NOT NULL,                    -- the value, line or pattern
    kind TEXT NOT NULL,                     -- name by which rejections are counted
    reason TEXT NOT NULL,
    is_pattern INTEGER NOT NULL             -- 1 for a STIX pattern that a blacklist cannot express
) STRICT;
INSERT INTO rejections VALUES(4,0,'indicator--00000000-0003-4000-8000-000000000003','process:name = ''x''','no_observable','no observable of this kind',1);
INSERT INTO rejections VALUES(3,1,'10.0.0.0/8','10.0.0.0/8','special-purpose network','touches the special-purpose network 10.0.0.0/8 (private use), and those are not accepted',0);
CREATE TABLE markings (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,
    definition TEXT NOT NULL,               -- JSON of the STIX object
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
INSERT INTO markings VALUES(4,'marking-definition--00000000-005a-4000-8000-00000000005a','{"definition":{},"definition_type":"statement","id":"marking-definition--00000000-005a-4000-8000-00000000005a","type":"marking-definition"}');
CREATE TABLE false_positives (
    id INTEGER PRIMARY KEY,
    is_indicator INTEGER NOT NULL,          -- 1 if `target` is an indicator's id, 0 for a value
    target TEXT NOT NULL,                   -- a value in the form that is compared
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (is_indicator, target)
) STRICT;
INSERT INTO false_positives VALUES(1,0,'evil.example','our own',1795992760081961);
CREATE TABLE builds (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    change INTEGER NOT NULL DEFAULT 0,      -- counter of changes in `indicators` and
                                            -- `false_positives`
    last_generation INTEGER NOT NULL DEFAULT 0, -- highest number used, including held builds
    built_change INTEGER NOT NULL DEFAULT 0, -- `change` of the active generation
    built_settings TEXT,                    -- the settings that it was made with
    built_feeds TEXT,                       -- JSON: the feeds that it is made of, with their roles
    built INTEGER,                          -- time of the build
    next_expiry INTEGER,                    -- time at which the first of its indicators ends
    held_change INTEGER,                    -- the same for a build that is held back
    held_settings TEXT,
    held TEXT,                              -- JSON: why it is held back; NULL if none is
    allowed INTEGER NOT NULL DEFAULT 0      -- 1 if the next build is accepted whatever it drops
, built_rules TEXT, policy TEXT) STRICT;
INSERT INTO builds VALUES(1,8,3,7,'(4, 3, "default", false, false, None, [("from-misp", false, "FeedPolicy { min_confidence: 0, max_tlp: Red, types: None, max_age: None, scope: AsListed, expiry: Expiry([None, None, None, None, None, None, None, None]), allow: [], warninglists: [], objects: ObjectFilter { pass_labels: [], drop_labels: [], pass: None, drop: None, pass_package: None, drop_package: None } }"), ("list", false, "FeedPolicy { min_confidence: 0, max_tlp: Red, types: None, max_age: None, scope: AsListed, expiry: Expiry([None, None, None, None, None, None, None, None]), allow: [], warninglists: [], objects: ObjectFilter { pass_labels: [], drop_labels: [], pass: None, drop: None, pass_package: None, drop_package: None } }"), ("ours", true, "FeedPolicy { min_confidence: 0, max_tlp: Red, types: None, max_age: None, scope: AsListed, expiry: Expiry([None, None, None, None, None, None, None, None]), allow: [], warninglists: [], objects: ObjectFilter { pass_labels: [], drop_labels: [], pass: None, drop: None, pass_package: None, drop_package: None } }"), ("packages", false, "FeedPolicy { min_confidence: 0, max_tlp: Red, types: None, max_age: None, scope: AsListed, expiry: Expiry([None, None, None, None, None, None, None, None]), allow: [], warninglists: [], objects: ObjectFilter { pass_labels: [], drop_labels: [], pass: None, drop: None, pass_package: None, drop_package: None } }"), ("stix", false, "FeedPolicy { min_confidence: 0, max_tlp: Red, types: None, max_age: None, scope: AsListed, expiry: Expiry([None, None, None, None, None, None, None, None]), allow: [], warninglists: [], objects: ObjectFilter { pass_labels: [], drop_labels: [], pass: None, drop: None, pass_package: None, drop_package: None } }")], "")',NULL,1795992760137417,NULL,8,'("(4, 3, \"default\", false, false, None, [(\"from-misp\", false, \"FeedPolicy { min_confidence: 0, max_tlp: Red, types: None, max_age: None, scope: AsListed, expiry: Expiry([None, None, None, None, None, None, None, None]), allow: [], warninglists: [], objects: ObjectFilter { pass_labels: [], drop_labels: [], pass: None, drop: None, pass_package: None, drop_package: None } }\"), (\"list\", false, \"FeedPolicy { min_confidence: 0, max_tlp: Red, types: None, max_age: None, scope: AsListed, expiry: Expiry([None, None, None, None, None, None, None, None]), allow: [], warninglists: [], objects: ObjectFilter { pass_labels: [], drop_labels: [], pass: None, drop: None, pass_package: None, drop_package: None } }\"), (\"ours\", true, \"FeedPolicy { min_confidence: 0, max_tlp: Red, types: None, max_age: None, scope: AsListed, expiry: Expiry([None, None, None, None, None, None, None, None]), allow: [], warninglists: [], objects: ObjectFilter { pass_labels: [], drop_labels: [], pass: None, drop: None, pass_package: None, drop_package: None } }\"), (\"packages\", false, \"FeedPolicy { min_confidence: 0, max_tlp: Red, types: None, max_age: None, scope: AsListed, expiry: Expiry([None, None, None, None, None, None, None, None]), allow: [], warninglists: [], objects: ObjectFilter { pass_labels: [], drop_labels: [], pass: None, drop: None, pass_package: None, drop_package: None } }\"), (\"stix\", false, \"FeedPolicy { min_confidence: 0, max_tlp: Red, types: None, max_age: None, scope: AsListed, expiry: Expiry([None, None, None, None, None, None, None, None]), allow: [], warninglists: [], objects: ObjectFilter { pass_labels: [], drop_labels: [], pass: None, drop: None, pass_package: None, drop_package: None } }\")], \"\")", 4591870180066957722, [])','expected at most 10.0% of 8 entries to leave at once, got 3 (37.5%)',0,'{"normaliser":3,"accept_special":false,"accept_broad":false,"block_feeds":["from-misp","list","packages","stix"],"allow_feeds":["ours"],"policies":{"from-misp":{"min_confidence":0,"max_tlp":4,"types":null,"max_age":null,"scope":1,"expiry":[null,null,null,null,null,null,null,null],"allow":[],"warninglists":[],"objects":""},"list":{"min_confidence":0,"max_tlp":4,"types":null,"max_age":null,"scope":1,"expiry":[null,null,null,null,null,null,null,null],"allow":[],"warninglists":[],"objects":""},"packages":{"min_confidence":0,"max_tlp":4,"types":null,"max_age":null,"scope":1,"expiry":[null,null,null,null,null,null,null,null],"allow":[],"warninglists":[],"objects":""},"stix":{"min_confidence":0,"max_tlp":4,"types":null,"max_age":null,"scope":1,"expiry":[null,null,null,null,null,null,null,null],"allow":[],"warninglists":[],"objects":""}}}','{"min_confidence":0,"max_tlp":4,"partial":false,"exact":false,"window":315360000000000}');
CREATE TABLE generations (
    generation INTEGER PRIMARY KEY,
    built INTEGER NOT NULL,
    file TEXT NOT NULL,
    digest BLOB NOT NULL,                   -- the blacklist's own digest
    entries INTEGER NOT NULL,
    active INTEGER NOT NULL                 -- 1 for the one in use
, written TEXT) STRICT;
INSERT INTO generations VALUES(1,1795992759261419,'default-1.blacklist',X'06dd3c2cc3644b4159635af9e83005ec5ce4f6f638de6c913a9490ad24fdf529',8,0,'2560 1795992759.349976712');
INSERT INTO generations VALUES(2,1795992760137417,'default-2.blacklist',X'97aaa68afd603639cb4fcc434c2915911d76fce5bb4d3dd4c4a6ca1e7327052a',8,1,'2560 1795992761.553976818');
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,                   -- name of the configured log source
    digest BLOB NOT NULL,                   -- BLAKE3 of the first `digest_bytes` bytes of the
                                            -- decompressed stream
    digest_bytes INTEGER NOT NULL,          -- up to 4,096; grows with a small file
    identity BLOB NOT NULL DEFAULT x'',     -- part of its events' uids; never changes
    path TEXT NOT NULL,                     -- last known path
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,                  -- bytes on disk when last seen
    modified INTEGER NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0,     -- 1 if nothing was left to match when last seen
    gone INTEGER NOT NULL DEFAULT 0,        -- 1 if the last round did not find it
    offset INTEGER NOT NULL DEFAULT 0,      -- bytes of the decompressed stream that are matched
    partial INTEGER NOT NULL DEFAULT 0,     -- bytes after `offset`: length of a last line without
                                            -- its end that was matched
    lines INTEGER NOT NULL DEFAULT 0,       -- lines before `offset`
    format TEXT,
    header BLOB,                            -- the log's header lines that apply at `offset` (Zeek)
    newest INTEGER,                         -- latest event time found
    seen INTEGER NOT NULL                   -- last round that found it changed
, tail BLOB, tail_bytes INTEGER, predecessor INTEGER, path_bytes BLOB) STRICT;
INSERT INTO files VALUES(1,'proxy',X'34b7a9b621383109c155f8e4c373b566edca99a6030baa3620964d8ee76829b3',943,X'3d0b937db1dc21011e0b73cdb36ae5688c8438df56f3270aa3ee5a605c9123fd','@FOLDER@/logs/access.log',65024,10143801,943,1795992761799016,0,0,943,0,9,'squid',X'',1795322437357000,6,X'9f9a71b4071b1e0c96134616e3db872102e6250a797edfc48c81d54752fbd51d',209,NULL,NULL);
INSERT INTO files VALUES(2,'proxy',X'f2da43a020a6eee468f2f3ad9ca0903ede06c7fb2a8016a036dfcf5dc05ec358',206,X'f2da43a020a6eee468f2f3ad9ca0903ede06c7fb2a8016a036dfcf5dc05ec358','@FOLDER@/logs/access.log.1',65024,10143802,206,1795992759093398,1,1,206,0,2,'squid',X'',1795322516357000,2,X'f2da43a020a6eee468f2f3ad9ca0903ede06c7fb2a8016a036dfcf5dc05ec358',206,NULL,NULL);
CREATE TABLE log_troubles (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    what TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;
INSERT INTO log_troubles VALUES('missing','@FOLDER@/nowhere/access.log','no such file or folder',1795992759261419);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    file INTEGER NOT NULL REFERENCES files (id),
    offset INTEGER NOT NULL,                -- of the line's first byte in the decompressed stream
    line INTEGER NOT NULL,                  -- counted from 1
    uid TEXT NOT NULL,
    occurred INTEGER,                       -- the event's own time
    source TEXT,                            -- its host: ECS source.ip, source.domain or host.name
    raw TEXT NOT NULL,                      -- the line, cut to 2,048 characters
    UNIQUE (file, offset)
) STRICT;
INSERT INTO events VALUES(1,1,103,2,'e47673dcb8089047e5ad6fb4ca01923e',1795322416357000,'10.1.2.3','1795322416.357 0 10.1.2.3 TCP_MISS/200 603 GET http://www.evil.example/1 - HIER_DIRECT/192.0.2.7 text/html');
INSERT INTO events VALUES(2,1,210,3,'8590b83f60a663c7b9124ffc2cc2eae6',1795322417357000,'10.1.2.3','1795322417.357 0 10.1.2.3 TCP_MISS/200 603 GET http://stix.example/2 - HIER_DIRECT/192.0.2.7 text/html');
INSERT INTO events VALUES(3,1,313,4,'98728870c2e059c4e9a5c14c3a6df92b',1795322418357000,'10.1.2.3','1795322418.357 0 10.1.2.3 TCP_MISS/200 603 GET http://pair.example/3 - HIER_DIRECT/192.0.2.7 text/html');
INSERT INTO events VALUES(4,1,416,5,'6ba1934775d09f7d8aba96b05e3694c3',1795322419357000,'10.1.2.3','1795322419.357 0 10.1.2.3 TCP_MISS/200 603 GET http://packaged.example/4 - HIER_DIRECT/192.0.2.7 text/html');
INSERT INTO events VALUES(5,1,630,7,'c13419521a16bd3f67e83b5e8dc9eb0a',1795322435357000,'10.1.2.3','1795322435.357 0 10.1.2.3 TCP_MISS/200 603 GET http://stix.example/20 - HIER_DIRECT/192.0.2.7 text/html');
INSERT INTO events VALUES(6,1,734,8,'3e61d9aff536771b03518f87440ed71b',1795322436357000,'10.1.2.3','1795322436.357 0 10.1.2.3 TCP_MISS/200 603 GET http://stix.example/21 - HIER_DIRECT/192.0.2.7 text/html');
INSERT INTO events VALUES(7,1,838,9,'e697cc8b9badc1996bd5b9decbce8701',1795322437357000,'10.1.2.3','1795322437.357 0 10.1.2.3 TCP_MISS/200 603 GET http://later.example/22 - HIER_DIRECT/192.0.2.7 text/html');
CREATE TABLE matches (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES events (id),
    feed TEXT NOT NULL,
    indicator TEXT NOT NULL,                -- STIX id; the value for a list
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
    historic INTEGER NOT NULL,              -- 1 if found in stored lines, which were matched before
    written INTEGER NOT NULL DEFAULT 1,     -- 1 if the indicator's details are in the output,
                                            -- 0 if its marking forbids that
    retracted INTEGER,
    told INTEGER NOT NULL DEFAULT 0, threats TEXT, written_id TEXT,        -- 1 if mails about it were composed, or are not wanted
    UNIQUE (event, feed, indicator)
) STRICT;
INSERT INTO matches VALUES(1,1,'list','evil.example','domain-name','evil.example','http://www.evil.example/1','url.original','subdomain',NULL,NULL,NULL,1,1795992759261419,0,1,1795992760081961,1,NULL,NULL);
INSERT INTO matches VALUES(2,2,'stix','indicator--00000000-0001-4000-8000-000000000001','domain-name','stix.example','http://stix.example/2','url.original','exact',80,1,'A domain',1,1795992759261419,0,1,NULL,1,'[{"kind":"software","name":"Emotet"}]',NULL);
INSERT INTO matches VALUES(3,3,'stix','indicator--00000000-0002-4000-8000-000000000002','conjunction','pair.example AND 192.0.2.7','http://pair.example/3 AND 192.0.2.7','url.original AND destination.ip','conjunction',NULL,NULL,'A pair',1,1795992759261419,0,1,NULL,1,NULL,NULL);
INSERT INTO matches VALUES(4,4,'packages','e:packaged.example','domain-name','packaged.example','http://packaged.example/4','url.original','exact',NULL,NULL,NULL,1,1795992759261419,0,1,NULL,1,NULL,NULL);
INSERT INTO matches VALUES(5,5,'stix','indicator--00000000-0001-4000-8000-000000000001','domain-name','stix.example','http://stix.example/20','url.original','exact',80,1,'A domain',2,1795992760137417,0,1,NULL,1,'[{"kind":"software","name":"Emotet"}]',NULL);
INSERT INTO matches VALUES(6,6,'stix','indicator--00000000-0001-4000-8000-000000000001','domain-name','stix.example','http://stix.example/21','url.original','exact',80,1,'A domain',2,1795992761825578,0,1,NULL,1,'[{"kind":"software","name":"Emotet"}]',NULL);
INSERT INTO matches VALUES(7,7,'list','later.example','domain-name','later.example','http://later.example/22','url.original','exact',NULL,NULL,NULL,2,1795992761825578,0,1,NULL,1,NULL,NULL);
CREATE TABLE outbox_records (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
INSERT INTO outbox_records VALUES(1,'{"@timestamp":"2026-11-22T04:40:36.357Z","destination":{"ip":"192.0.2.7"},"event":{"duration":0,"original":"1795322436.357 0 10.1.2.3 TCP_MISS/200 603 GET http://stix.example/21 - HIER_DIRECT/192.0.2.7 text/html"},"http":{"request":{"method":"GET"},"response":{"body":{"bytes":603},"bytes":603,"mime_type":"text/html","status_code":200}},"indicator":"matched","log":{"file":{"path":"@FOLDER@/logs/access.log"},"offset":734},"source":{"ip":"10.1.2.3"},"squid":{"hierarchy_code":"HIER_DIRECT","result_code":"TCP_MISS"},"threat":{"enrichments":[{"feed":{"name":"stix"},"indicator":{"confidence":"High","first_seen":"2020-01-01T00:00:00Z","id":"indicator--00000000-0001-4000-8000-000000000001","marking":{"tlp":"GREEN"},"modified_at":"2026-01-01T00:00:00Z","name":"A domain","provider":"stix","type":"domain-name","url":{"domain":"stix.example"}},"matched":{"atomic":"http://stix.example/21","field":"url.original","occurred":"2026-11-22T04:40:36.357Z","type":"exact"},"software":{"name":["Emotet"]},"threatsieve":{"blacklist":"default"}}]},"threatsieve":{"confidence":[80],"generation":{"default":2},"historic":false,"id":"3e61d9aff536771b03518f87440ed71b","kind":"flag"},"url":{"domain":"stix.example","original":"http://stix.example/21"}}');
INSERT INTO outbox_records VALUES(2,'{"@timestamp":"2026-11-22T04:40:37.357Z","destination":{"ip":"192.0.2.7"},"event":{"duration":0,"original":"1795322437.357 0 10.1.2.3 TCP_MISS/200 603 GET http://later.example/22 - HIER_DIRECT/192.0.2.7 text/html"},"http":{"request":{"method":"GET"},"response":{"body":{"bytes":603},"bytes":603,"mime_type":"text/html","status_code":200}},"indicator":"matched","log":{"file":{"path":"@FOLDER@/logs/access.log"},"offset":838},"source":{"ip":"10.1.2.3"},"squid":{"hierarchy_code":"HIER_DIRECT","result_code":"TCP_MISS"},"threat":{"enrichments":[{"feed":{"name":"list"},"indicator":{"confidence":"Not Specified","id":"later.example","name":"later.example","provider":"list","type":"domain-name","url":{"domain":"later.example"}},"matched":{"atomic":"http://later.example/22","field":"url.original","occurred":"2026-11-22T04:40:37.357Z","type":"exact"},"threatsieve":{"blacklist":"default"}}]},"threatsieve":{"confidence":[null],"generation":{"default":2},"historic":false,"id":"e697cc8b9badc1996bd5b9decbce8701","kind":"flag"},"url":{"domain":"later.example","original":"http://later.example/22"}}');
CREATE TABLE output_files (
    path TEXT PRIMARY KEY,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    bytes INTEGER NOT NULL
, unconfirmed INTEGER NOT NULL DEFAULT 1) STRICT;
INSERT INTO output_files VALUES('@FOLDER@/flagged.ndjson',65024,10143771,6589,0);
CREATE TABLE mails (
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body BLOB NOT NULL,                     -- RFC 5322
    tlp INTEGER,                            -- strictest marking of its contents; NULL unmarked
    composed INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt INTEGER,
    error TEXT,
    state INTEGER NOT NULL DEFAULT 0,       -- 0 waiting, 1 sent, 2 given up
    sent INTEGER
) STRICT;
INSERT INTO mails VALUES(1,'<5e0925c19501ccbb6022cf5b4810f9db@soc.example>','soc@soc.example','[threatsieve] TLP:GREEN 4 indicators matched, 4 events, 1 host (stix[.]example, evil[.]example, ...)',X'',1,1795992759261419,0,NULL,NULL,1,1795992759261419);
INSERT INTO mails VALUES(2,'<94e1d6a5a36cdcd2d9f8fdd2a970c049@soc.example>','soc@soc.example','[threatsieve] problem: logs not read: missing',X'',NULL,1795992759261419,0,NULL,NULL,1,1795992759261419);
INSERT INTO mails VALUES(3,'<11f344e4378df7c78af75812215e1349@soc.example>','soc@soc.example','[threatsieve] TLP:GREEN 1 indicator matched, 1 event, 1 host (stix[.]example)',X'',1,1795992760137417,0,NULL,NULL,1,1795992760137417);
INSERT INTO mails VALUES(4,'<7a68061a4ad67fd7f29c8ae2ea52d79b@soc.example>','soc@soc.example','[threatsieve] problem: stored lines not matched',X'',NULL,1795992760137417,0,NULL,NULL,1,1795992760137417);
INSERT INTO mails VALUES(5,'<5914330c35309ef489df04486f3c5193@soc.example>','soc@soc.example','[threatsieve] TLP:GREEN 2 indicators matched, 2 events, 1 host (stix[.]example, later[.]example)',X'46726f6d3a20746872656174736965766540736f632e6578616d706c650d0a546f3a20736f6340736f632e6578616d706c650d0a5375626a6563743a205b74687265617473696576655d20544c503a475245454e203220696e64696361746f7273206d6174636865642c2032206576656e74732c203120686f73740d0a2028737469785b2e5d6578616d706c652c206c617465725b2e5d6578616d706c65290d0a446174653a2053756e2c203239204e6f7620323032362032323a35323a3431202b303030300d0a4d6573736167652d49443a203c353931343333306333353330396566343839646630343438366633633531393340736f632e6578616d706c653e0d0a4175746f2d5375626d69747465643a206175746f2d67656e6572617465640d0a582d4175746f2d526573706f6e73652d53757070726573733a20416c6c0d0a4c6973742d49643a20546872656174736965766520616c65727473203c74687265617473696576652d616c657274732e736f632e6578616d706c653e0d0a4d494d452d56657273696f6e3a20312e300d0a436f6e74656e742d547970653a206d756c7469706172742f616c7465726e61746976653b0d0a20626f756e646172793d223539313433333063333533303965663438396466303434383666336335313933220d0a0d0a2d2d35393134333330633335333039656634383964663034343836663363353139330d0a436f6e74656e742d547970653a20746578742f706c61696e3b20636861727365743d7574662d380d0a436f6e74656e742d5472616e736665722d456e636f64696e673a2071756f7465642d7072696e7461626c650d0a0d0a544c503a475245454e0d0a0d0a3220696e64696361746f7273206d6174636865643a2032206576656e74732066726f6d203120686f73740d0a323032362d31312d32322030343a34303a333620746f2030343a34303a3337205554430d0a4869676865737420636f6e666964656e63653a204869676820283830290d0a0d0a0d0a574849434820484f53545320544f554348454420574841540d0a3d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33440d0a0d0a31305b2e5d315b2e5d325b2e5d330d0a2020202032206576656e74732c20636f6e666964656e6365204869676820283830290d0a20202020323032362d31312d32322030343a34303a333620746f2030343a34303a3337205554430d0a202020203e20737469785b2e5d6578616d706c65202831290d0a202020203e206c617465725b2e5d6578616d706c65202831290d0a0d0a0d0a5748593a2054484520494e44494341544f52530d0a3d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33440d0a0d0a312e20737469785b2e5d6578616d706c650d0a20202020646f6d61696e2c20636f6e666964656e6365204869676820283830292c20544c503a475245454e0d0a2020202031206576656e742066726f6d203120686f73740d0a20202020323032362d31312d32322030343a34303a3336205554430d0a20202020686f7374733a2031305b2e5d315b2e5d325b2e5d33202831290d0a202020206c69737465642062790d0a202020202d206665656420737469783a20636f6e666964656e6365204869676820283830292c20544c503a475245454e0d0a2020202020204120646f6d61696e0d0a20202020202072656c6174656420746f20736f66747761726520456d6f7465740d0a202020202020696e64696361746f722d2d30303030303030302d303030312d343030302d383030302d3030303030303030303030310d0a0d0a322e206c617465725b2e5d6578616d706c650d0a20202020646f6d61696e2c20636f6e666964656e636520756e6b6e6f776e2c206e6f20544c50206d61726b696e670d0a2020202031206576656e742066726f6d203120686f73740d0a20202020323032362d31312d32322030343a34303a3337205554430d0a20202020686f7374733a2031305b2e5d315b2e5d325b2e5d33202831290d0a202020206c69737465642062790d0a202020202d2066656564206c6973743a20636f6e666964656e636520756e6b6e6f776e2c206e6f20544c50206d61726b696e670d0a0d0a0d0a4e4557455354204556454e54530d0a3d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33443d33440d0a0d0a312e20737469785b2e5d6578616d706c650d0a20202020323032362d31312d32322030343a34303a333620555443202031305b2e5d315b2e5d325b2e5d330d0a2020202075726c5b2e5d6f726967696e616c20687878703a2f2f737469785b2e5d6578616d706c652f32312c2065786163746c79206173206c69737465640d0a202020202f746d702f7374617465362f6c6f67732f6163636573735b2e5d6c6f67206c696e6520380d0a202020207c20313739353332323433362e33353720302031305b2e5d315b2e5d325b2e5d33205443505f4d4953532f32303020363033204745540d0a202020207c20687878703a2f2f737469785b2e5d6578616d706c652f3231202d20484945525f4449524543542f3139325b2e5d305b2e5d325b2e5d3720746578742f68746d6c0d0a0d0a322e206c617465725b2e5d6578616d706c650d0a20202020323032362d31312d32322030343a34303a333720555443202031305b2e5d315b2e5d325b2e5d330d0a2020202075726c5b2e5d6f726967696e616c20687878703a2f2f6c617465725b2e5d6578616d706c652f32322c2065786163746c79206173206c69737465640d0a202020202f746d702f7374617465362f6c6f67732f6163636573735b2e5d6c6f67206c696e6520390d0a202020207c20313739353332323433372e33353720302031305b2e5d315b2e5d325b2e5d33205443505f4d4953532f32303020363033204745540d0a202020207c20687878703a2f2f6c617465725b2e5d6578616d706c652f3232202d20484945525f4449524543542f3139325b2e5d305b2e5d325b2e5d3720746578742f68746d6c0d0a0d0a0d0a57484154204e4558540d0a3d33443d33443d33443d33443d33443d33443d33443d33443d33440d0a0d0a53656520776869636820696e64696361746f727320636f7665722069742c20616e64207768793a0d0a202020207468726561747369657665206578706c61696e2027737469785b2e5d6578616d706c65270d0a0d0a496620697420697320612066616c736520706f7369746976653a207265747261637420697420616e642069747320666c6167733a0d0a20202020746872656174736965766520726574726163742027737469785b2e5d6578616d706c6527202d2d726561736f6e2027574859270d0a0d0a4966206974206973206b6e6f776e3a2073656e64206e6f206d61696c732061626f7574207468697320696e64696361746f722c2074686973206f6273657276656420686f73742c206f72203d0d0a74686520686f7374207468617420697420776173206f627365727665642066726f6d3a0d0a202020207468726561747369657665206d75746520616464202d2d696e64696361746f722027737469785b2e5d6578616d706c6527202d2d666f72203764202d2d726561736f6e202757483d0d0a59270d0a202020207468726561747369657665206d75746520616464202d2d686f73742027737469785b2e5d6578616d706c6527202d2d666f72203764202d2d726561736f6e2027574859270d0a202020207468726561747369657665206d75746520616464202d2d736f75726365202731305b2e5d315b2e5d325b2e5d3327202d2d666f72203764202d2d726561736f6e2027574859270d0a0d0a53656520746865207374617465206f662054687265617473696576653a0d0a202020207468726561747369657665207374617475730d0a0d0a557365207468652073616d6520636f6d6d616e647320666f7220746865206f7468657220696e64696361746f72732c20776974682074686569722076616c7565206f722069642e0d0a436f6d6d616e6473206163636570742076616c756573206173207468657920617265207772697474656e20686572652e0d0a0d0a2d2d3d32300d0a45616368206576656e74206973207265706f72746564206f6e636520666f72206561636820696e64696361746f722e2056616c7565732061726520646566616e6765643a205b2e5d2069730d0a6120646f742c206878787020697320687474702e0d0a54687265617473696576652c20323032362d31312d32392032323a35323a3431205554430d0a2d2d35393134333330633335333039656634383964663034343836663363353139330d0a436f6e74656e742d547970653a20746578742f68746d6c3b20636861727365743d7574662d380d0a436f6e74656e742d5472616e736665722d456e636f64696e673a2071756f7465642d7072696e7461626c650d0a0d0a3c21646f63747970652068746d6c3e0d0a3c68746d6c206c616e673d334422656e223e0d0a3c686561643e0d0a3c6d65746120636861727365743d3344227574662d38223e0d0a3c6d657461206e616d653d33442276696577706f72742220636f6e74656e743d33442277696474683d33446465766963652d77696474682c20696e697469616c2d7363616c653d334431223e0d0a3c6d657461206e616d653d334422636f6c6f722d736368656d652220636f6e74656e743d3344226c69676874206461726b223e0d0a3c6d657461206e616d653d334422737570706f727465642d636f6c6f722d736368656d65732220636f6e74656e743d3344226c69676874206461726b223e0d0a3c6d657461206e616d653d334422666f726d61742d646574656374696f6e2220636f6e74656e743d33442274656c6570686f6e653d33446e6f2c20646174653d33446e6f2c2061646472653d0d0a73733d33446e6f2c20656d61696c3d33446e6f2c2075726c3d33446e6f223e0d0a3c7469746c653e3220696e64696361746f7273206d6174636865643a2032206576656e74732066726f6d203120686f73743c2f7469746c653e0d0a3c7374796c653e3a726f6f74207b20636f6c6f722d736368656d653a206c69676874206461726b3b20737570706f727465642d636f6c6f722d736368656d65733a206c69676874206461723d0d0a6b3b207d3c2f7374796c653e0d0a3c2f686561643e0d0a3c626f6479207374796c653d3344226d617267696e3a303b70616464696e673a303b2d7765626b69742d746578742d73697a652d61646a7573743a31303025223e0d0a3c646976207374796c653d3344226d61782d77696474683a37323070783b6d617267696e3a30206175746f3b70616464696e673a31367078203134707820333270783b666f6e742d66616d3d0d0a696c793a73797374656d2d75692c2d6170706c652d73797374656d2c275365676f65205549272c526f626f746f2c48656c7665746963612c417269616c2c73616e732d73657269663b666f3d0d0a6e742d73697a653a313570783b6c696e652d6865696768743a323270783b776f72642d627265616b3a627265616b2d776f72643b6f766572666c6f772d777261703a616e797768657265223e0d0a0d0a3c70207374796c653d3344226d617267696e3a3020302031347078223e3c7370616e207374796c653d334422646973706c61793a696e6c696e652d626c6f636b3b70616464696e673a33703d0d0a7820313070783b6261636b67726f756e643a233030303030303b636f6c6f723a233333464630303b626f726465723a31707820736f6c696420233737373737373b666f6e742d77656967683d0d0a743a3730303b666f6e742d73697a653a313370783b6c696e652d6865696768743a31387078223e544c503a475245454e3c2f7370616e3e3c2f703e0d0a0d0a3c6831207374796c653d3344226d617267696e3a302030203670783b666f6e742d73697a653a323270783b6c696e652d6865696768743a323870783b666f6e742d7765696768743a3730303d0d0a223e3220696e64696361746f7273206d6174636865643a2032206576656e74732066726f6d203120686f73743c2f68313e0d0a3c70207374796c653d3344226d617267696e3a30203020347078223e323032362d31312d32322030343a34303a333620746f2030343a34303a3337205554433c2f703e0d0a3c70207374796c653d3344226d617267696e3a30203020347078223e4869676865737420636f6e666964656e63653a203c7370616e207374796c653d334422646973706c61793a696e6c693d0d0a6e652d626c6f636b3b70616464696e673a317078203770783b626f726465722d7261646975733a3470783b6261636b67726f756e643a236233323631653b636f6c6f723a236666666666663d0d0a3b666f6e742d73697a653a313270783b666f6e742d7765696768743a3630303b6c696e652d6865696768743a313870783b77686974652d73706163653a6e6f77726170223e4869676820283d0d0a3830293c2f7370616e3e3c2f703e0d0a0d0a3c6832207374796c653d3344226d617267696e3a323870782030203670783b70616464696e673a302030203470783b666f6e742d73697a653a313770783b6c696e652d6865696768743a323d0d0a3470783b626f726465722d626f74746f6d3a32707820736f6c69642072676261283132382c3132382c3132382c302e3529223e576869636820686f73747320746f756368656420776861743d0d0a3c2f68323e0d0a3c646976207374796c653d33442270616464696e673a3130707820303b626f726465722d626f74746f6d3a31707820736f6c69642072676261283132382c3132382c3132382c302e3329223e0d0a3c7461626c6520726f6c653d33442270726573656e746174696f6e222077696474683d33442231303025222063656c6c70616464696e673d33442230222063656c6c73706163696e673d0d0a3d334422302220626f726465723d3344223022207374796c653d334422626f726465722d636f6c6c617073653a636f6c6c617073653b666f6e742d73697a653a313570783b6c696e652d683d0d0a65696768743a32327078223e3c74723e0d0a3c74642076616c69676e3d334422746f7022207374796c653d33442270616464696e673a303b666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c3d0d0a61732c6d6f6e6f73706163653b666f6e742d7765696768743a3730303b6f766572666c6f772d777261703a616e7977686572653b776f72642d627265616b3a627265616b2d776f7264223e3d0d0a31305b2e5d315b2e5d325b2e5d333c2f74643e0d0a3c74642076616c69676e3d334422746f702220616c69676e3d334422726967687422207374796c653d33442270616464696e673a302030203020313270783b77686974652d73706163653a3d0d0a6e6f77726170223e3c623e32206576656e74733c2f623e3c2f74643e0d0a3c2f74723e3c2f7461626c653e0d0a3c646976207374796c653d33442270616464696e672d6c6566743a31347078223e3c7370616e207374796c653d334422666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d653d0d0a6e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e742d73697a653a31347078223e737469785b2e5d6578616d706c653c2f7370616e3e203c7370616e207374796c653d33443d0d0a226f7061636974793a302e3735223e2674696d65733b266e6273703b313c2f7370616e3e3c2f6469763e0d0a3c646976207374796c653d33442270616464696e672d6c6566743a31347078223e3c7370616e207374796c653d334422666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d653d0d0a6e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e742d73697a653a31347078223e6c617465725b2e5d6578616d706c653c2f7370616e3e203c7370616e207374796c653d0d0a3d3344226f7061636974793a302e3735223e2674696d65733b266e6273703b313c2f7370616e3e3c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3470783b666f6e742d73697a653a313370783b6c696e652d6865696768743a32307078223e3c7370616e207374796c653d0d0a3d334422646973706c61793a696e6c696e652d626c6f636b3b70616464696e673a317078203770783b626f726465722d7261646975733a3470783b6261636b67726f756e643a23623332363d0d0a31653b636f6c6f723a236666666666663b666f6e742d73697a653a313270783b666f6e742d7765696768743a3630303b6c696e652d6865696768743a313870783b77686974652d737061633d0d0a653a6e6f77726170223e4869676820636f6e666964656e636520283830293c2f7370616e3e203c7370616e207374796c653d3344226f7061636974793a302e38223e323032362d31312d323d0d0a322030343a34303a333620746f2030343a34303a3337205554433c2f7370616e3e3c2f6469763e0d0a3c2f6469763e0d0a0d0a3c6832207374796c653d3344226d617267696e3a333270782030203670783b70616464696e673a302030203470783b666f6e742d73697a653a313770783b6c696e652d6865696768743a323d0d0a3470783b626f726465722d626f74746f6d3a32707820736f6c69642072676261283132382c3132382c3132382c302e3529223e5768793a2074686520696e64696361746f72733c2f68323e0d0a3c646976207374796c653d33442270616464696e673a3132707820303b626f726465722d626f74746f6d3a31707820736f6c69642072676261283132382c3132382c3132382c302e3329223e0d0a3c6833207374796c653d3344226d617267696e3a302030203470783b666f6e742d73697a653a313570783b6c696e652d6865696768743a323270783b666f6e742d66616d696c793a75692d3d0d0a6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b776f72642d627265616b3a627265616b2d616c6c223e312e20737469785b2e5d6578616d706c653c3d0d0a2f68333e0d0a3c646976207374796c653d3344226d617267696e3a30203020367078223e3c7370616e207374796c653d334422646973706c61793a696e6c696e652d626c6f636b3b70616464696e673a313d0d0a7078203770783b626f726465722d7261646975733a3470783b6261636b67726f756e643a236233323631653b636f6c6f723a236666666666663b666f6e742d73697a653a313270783b666f3d0d0a6e742d7765696768743a3630303b6c696e652d6865696768743a313870783b77686974652d73706163653a6e6f77726170223e4869676820636f6e666964656e636520283830293c2f73703d0d0a616e3e203c7370616e207374796c653d334422646973706c61793a696e6c696e652d626c6f636b3b70616464696e673a317078203770783b626f726465722d7261646975733a3470783b623d0d0a61636b67726f756e643a233030303030303b636f6c6f723a233333464630303b626f726465723a31707820736f6c696420233737373737373b666f6e742d73697a653a313270783b666f6e3d0d0a742d7765696768743a3630303b6c696e652d6865696768743a313670783b77686974652d73706163653a6e6f77726170223e544c503a475245454e3c2f7370616e3e203c7370616e2073743d0d0a796c653d334422666f6e742d73697a653a313370783b6f7061636974793a302e38223e646f6d61696e3c2f7370616e3e3c2f6469763e0d0a3c6469763e3c623e31206576656e742066726f6d203120686f73743c2f623e3c2f6469763e0d0a3c646976207374796c653d334422666f6e742d73697a653a313370783b6c696e652d6865696768743a323070783b6f7061636974793a302e38223e323032362d31312d32322030343a34303d0d0a3a3336205554433c2f6469763e0d0a3c646976207374796c653d334422666f6e742d73697a653a313470783b6c696e652d6865696768743a32317078223e3c7370616e207374796c653d334422666f6e742d66616d696c793a753d0d0a692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e742d73697a653a31337078223e31305b2e5d315b2e5d325b2e5d333c2f7370616e3e263d0d0a6e6273703b2674696d65733b266e6273703b313c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3870783b70616464696e672d6c6566743a313070783b626f726465722d6c6566743a33707820736f6c6964207267626128313d0d0a32382c3132382c3132382c302e35293b666f6e742d73697a653a313470783b6c696e652d6865696768743a32307078223e0d0a3c6469763e66656564203c623e737469783c2f623e3a20636f6e666964656e6365204869676820283830292c20544c503a475245454e3c2f6469763e0d0a3c6469763e4120646f6d61696e3c2f6469763e0d0a3c646976207374796c653d334422636f6c6f723a23356236343732223e72656c6174656420746f20736f66747761726520456d6f7465743c2f6469763e0d0a3c646976207374796c653d334422666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e742d73697a653a313d0d0a3270783b6f7061636974793a302e38223e696e64696361746f722d2d30303030303030302d303030312d343030302d383030302d3030303030303030303030313c2f6469763e0d0a3c2f6469763e0d0a3c2f6469763e0d0a3c646976207374796c653d33442270616464696e673a3132707820303b626f726465722d626f74746f6d3a31707820736f6c69642072676261283132382c3132382c3132382c302e3329223e0d0a3c6833207374796c653d3344226d617267696e3a302030203470783b666f6e742d73697a653a313570783b6c696e652d6865696768743a323270783b666f6e742d66616d696c793a75692d3d0d0a6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b776f72642d627265616b3a627265616b2d616c6c223e322e206c617465725b2e5d6578616d706c653d0d0a3c2f68333e0d0a3c646976207374796c653d3344226d617267696e3a30203020367078223e3c7370616e207374796c653d334422646973706c61793a696e6c696e652d626c6f636b3b70616464696e673a313d0d0a7078203770783b626f726465722d7261646975733a3470783b6261636b67726f756e643a233562363437323b636f6c6f723a236666666666663b666f6e742d73697a653a313270783b666f3d0d0a6e742d7765696768743a3630303b6c696e652d6865696768743a313870783b77686974652d73706163653a6e6f77726170223e636f6e666964656e636520756e6b6e6f776e3c2f7370616e3d0d0a3e203c7370616e207374796c653d334422646973706c61793a696e6c696e652d626c6f636b3b70616464696e673a317078203770783b626f726465722d7261646975733a3470783b6261633d0d0a6b67726f756e643a233030303030303b636f6c6f723a234646464646463b626f726465723a31707820736f6c696420233737373737373b666f6e742d73697a653a313270783b666f6e742d3d0d0a7765696768743a3630303b6c696e652d6865696768743a313670783b77686974652d73706163653a6e6f77726170223e6e6f20544c50206d61726b696e673c2f7370616e3e203c7370616e3d0d0a207374796c653d334422666f6e742d73697a653a313370783b6f7061636974793a302e38223e646f6d61696e3c2f7370616e3e3c2f6469763e0d0a3c6469763e3c623e31206576656e742066726f6d203120686f73743c2f623e3c2f6469763e0d0a3c646976207374796c653d334422666f6e742d73697a653a313370783b6c696e652d6865696768743a323070783b6f7061636974793a302e38223e323032362d31312d32322030343a34303d0d0a3a3337205554433c2f6469763e0d0a3c646976207374796c653d334422666f6e742d73697a653a313470783b6c696e652d6865696768743a32317078223e3c7370616e207374796c653d334422666f6e742d66616d696c793a753d0d0a692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e742d73697a653a31337078223e31305b2e5d315b2e5d325b2e5d333c2f7370616e3e263d0d0a6e6273703b2674696d65733b266e6273703b313c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3870783b70616464696e672d6c6566743a313070783b626f726465722d6c6566743a33707820736f6c6964207267626128313d0d0a32382c3132382c3132382c302e35293b666f6e742d73697a653a313470783b6c696e652d6865696768743a32307078223e0d0a3c6469763e66656564203c623e6c6973743c2f623e3a20636f6e666964656e636520756e6b6e6f776e2c206e6f20544c50206d61726b696e673c2f6469763e0d0a3c2f6469763e0d0a3c2f6469763e0d0a0d0a3c6832207374796c653d3344226d617267696e3a333270782030203670783b70616464696e673a302030203470783b666f6e742d73697a653a313770783b6c696e652d6865696768743a323d0d0a3470783b626f726465722d626f74746f6d3a32707820736f6c69642072676261283132382c3132382c3132382c302e3529223e4e6577657374206576656e74733c2f68323e0d0a3c6833207374796c653d3344226d617267696e3a31347078203020303b666f6e742d73697a653a313570783b6c696e652d6865696768743a323270783b666f6e742d66616d696c793a75693d0d0a2d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b776f72642d627265616b3a627265616b2d616c6c223e312e20737469785b2e5d6578616d706c653d0d0a3c2f68333e0d0a3c646976207374796c653d3344226d617267696e3a367078203020313270783b666f6e742d73697a653a313370783b6c696e652d6865696768743a32307078223e0d0a3c6469763e3c623e323032362d31312d32322030343a34303a3336205554433c2f623e20266d6964646f743b203c7370616e207374796c653d334422666f6e742d66616d696c793a75692d3d0d0a6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f7370616365223e31305b2e5d315b2e5d325b2e5d333c2f7370616e3e3c2f6469763e0d0a3c6469763e75726c5b2e5d6f726967696e616c20687878703a2f2f737469785b2e5d6578616d706c652f32312c2065786163746c79206173206c69737465643c2f6469763e0d0a3c646976207374796c653d3344226f7061636974793a302e38223e2f746d702f7374617465362f6c6f67732f6163636573735b2e5d6c6f67206c696e6520383c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3370783b70616464696e673a367078203870783b6261636b67726f756e643a72676261283132382c3132382c3132382c302e3d0d0a3134293b626f726465722d7261646975733a3470783b666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e3d0d0a742d73697a653a313270783b6c696e652d6865696768743a313770783b77686974652d73706163653a7072652d777261703b776f72642d627265616b3a6e6f726d616c3b6f766572666c6f3d0d0a772d777261703a616e797768657265223e313739353332323433362e33353720302031305b2e5d315b2e5d325b2e5d33205443505f4d4953532f323030203630332047455420687878703a3d0d0a2f2f737469785b2e5d6578616d706c652f3231202d20484945525f4449524543542f3139325b2e5d305b2e5d325b2e5d3720746578742f68746d6c3c2f6469763e0d0a3c2f6469763e0d0a3c6833207374796c653d3344226d617267696e3a31347078203020303b666f6e742d73697a653a313570783b6c696e652d6865696768743a323270783b666f6e742d66616d696c793a75693d0d0a2d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b776f72642d627265616b3a627265616b2d616c6c223e322e206c617465725b2e5d6578616d706c3d0d0a653c2f68333e0d0a3c646976207374796c653d3344226d617267696e3a367078203020313270783b666f6e742d73697a653a313370783b6c696e652d6865696768743a32307078223e0d0a3c6469763e3c623e323032362d31312d32322030343a34303a3337205554433c2f623e20266d6964646f743b203c7370616e207374796c653d334422666f6e742d66616d696c793a75692d3d0d0a6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f7370616365223e31305b2e5d315b2e5d325b2e5d333c2f7370616e3e3c2f6469763e0d0a3c6469763e75726c5b2e5d6f726967696e616c20687878703a2f2f6c617465725b2e5d6578616d706c652f32322c2065786163746c79206173206c69737465643c2f6469763e0d0a3c646976207374796c653d3344226f7061636974793a302e38223e2f746d702f7374617465362f6c6f67732f6163636573735b2e5d6c6f67206c696e6520393c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3370783b70616464696e673a367078203870783b6261636b67726f756e643a72676261283132382c3132382c3132382c302e3d0d0a3134293b626f726465722d7261646975733a3470783b666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e3d0d0a742d73697a653a313270783b6c696e652d6865696768743a313770783b77686974652d73706163653a7072652d777261703b776f72642d627265616b3a6e6f726d616c3b6f766572666c6f3d0d0a772d777261703a616e797768657265223e313739353332323433372e33353720302031305b2e5d315b2e5d325b2e5d33205443505f4d4953532f323030203630332047455420687878703a3d0d0a2f2f6c617465725b2e5d6578616d706c652f3232202d20484945525f4449524543542f3139325b2e5d305b2e5d325b2e5d3720746578742f68746d6c3c2f6469763e0d0a3c2f6469763e0d0a0d0a3c6832207374796c653d3344226d617267696e3a333270782030203670783b70616464696e673a302030203470783b666f6e742d73697a653a313770783b6c696e652d6865696768743a323d0d0a3470783b626f726465722d626f74746f6d3a32707820736f6c69642072676261283132382c3132382c3132382c302e3529223e57686174206e6578743c2f68323e0d0a3c646976207374796c653d3344226d617267696e3a3130707820302030223e53656520776869636820696e64696361746f727320636f7665722069742c20616e64207768793c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3370783b70616464696e673a367078203870783b6261636b67726f756e643a72676261283132382c3132382c3132382c302e3d0d0a3134293b626f726465722d7261646975733a3470783b666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e3d0d0a742d73697a653a313270783b6c696e652d6865696768743a313870783b77686974652d73706163653a7072652d777261703b776f72642d627265616b3a627265616b2d776f72643b6f76653d0d0a72666c6f772d777261703a616e797768657265223e7468726561747369657665206578706c61696e20262333393b737469785b2e5d6578616d706c65262333393b3c2f6469763e0d0a3c646976207374796c653d3344226d617267696e3a3130707820302030223e496620697420697320612066616c736520706f7369746976653a207265747261637420697420616e642069743d0d0a7320666c6167733c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3370783b70616464696e673a367078203870783b6261636b67726f756e643a72676261283132382c3132382c3132382c302e3d0d0a3134293b626f726465722d7261646975733a3470783b666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e3d0d0a742d73697a653a313270783b6c696e652d6865696768743a313870783b77686974652d73706163653a7072652d777261703b776f72642d627265616b3a627265616b2d776f72643b6f76653d0d0a72666c6f772d777261703a616e797768657265223e7468726561747369657665207265747261637420262333393b737469785b2e5d6578616d706c65262333393b202d2d726561736f6e203d0d0a262333393b574859262333393b3c2f6469763e0d0a3c646976207374796c653d3344226d617267696e3a3130707820302030223e4966206974206973206b6e6f776e3a2073656e64206e6f206d61696c732061626f7574207468697320696e643d0d0a696361746f722c2074686973206f6273657276656420686f73742c206f722074686520686f7374207468617420697420776173206f627365727665642066726f6d3c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3370783b70616464696e673a367078203870783b6261636b67726f756e643a72676261283132382c3132382c3132382c302e3d0d0a3134293b626f726465722d7261646975733a3470783b666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e3d0d0a742d73697a653a313270783b6c696e652d6865696768743a313870783b77686974652d73706163653a7072652d777261703b776f72642d627265616b3a627265616b2d776f72643b6f76653d0d0a72666c6f772d777261703a616e797768657265223e7468726561747369657665206d75746520616464202d2d696e64696361746f7220262333393b737469785b2e5d6578616d706c6526233d0d0a33393b202d2d666f72203764202d2d726561736f6e20262333393b574859262333393b3c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3370783b70616464696e673a367078203870783b6261636b67726f756e643a72676261283132382c3132382c3132382c302e3d0d0a3134293b626f726465722d7261646975733a3470783b666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e3d0d0a742d73697a653a313270783b6c696e652d6865696768743a313870783b77686974652d73706163653a7072652d777261703b776f72642d627265616b3a627265616b2d776f72643b6f76653d0d0a72666c6f772d777261703a616e797768657265223e7468726561747369657665206d75746520616464202d2d686f737420262333393b737469785b2e5d6578616d706c65262333393b202d3d0d0a2d666f72203764202d2d726561736f6e20262333393b574859262333393b3c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3370783b70616464696e673a367078203870783b6261636b67726f756e643a72676261283132382c3132382c3132382c302e3d0d0a3134293b626f726465722d7261646975733a3470783b666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e3d0d0a742d73697a653a313270783b6c696e652d6865696768743a313870783b77686974652d73706163653a7072652d777261703b776f72642d627265616b3a627265616b2d776f72643b6f76653d0d0a72666c6f772d777261703a616e797768657265223e7468726561747369657665206d75746520616464202d2d736f7572636520262333393b31305b2e5d315b2e5d325b2e5d33262333393b3d0d0a202d2d666f72203764202d2d726561736f6e20262333393b574859262333393b3c2f6469763e0d0a3c646976207374796c653d3344226d617267696e3a3130707820302030223e53656520746865207374617465206f662054687265617473696576653c2f6469763e0d0a3c646976207374796c653d3344226d617267696e2d746f703a3370783b70616464696e673a367078203870783b6261636b67726f756e643a72676261283132382c3132382c3132382c302e3d0d0a3134293b626f726465722d7261646975733a3470783b666f6e742d66616d696c793a75692d6d6f6e6f73706163652c4d656e6c6f2c436f6e736f6c61732c6d6f6e6f73706163653b666f6e3d0d0a742d73697a653a313270783b6c696e652d6865696768743a313870783b77686974652d73706163653a7072652d777261703b776f72642d627265616b3a627265616b2d776f72643b6f76653d0d0a72666c6f772d777261703a616e797768657265223e7468726561747369657665207374617475733c2f6469763e0d0a3c70207374796c653d3344226d617267696e3a31307078203020303b6f7061636974793a302e38223e557365207468652073616d6520636f6d6d616e647320666f7220746865206f7468653d0d0a7220696e64696361746f72732c20776974682074686569722076616c7565206f722069642e20436f6d6d616e6473206163636570742076616c7565732061732074686579206172652077723d0d0a697474656e20686572652e3c2f703e0d0a0d0a3c70207374796c653d3344226d617267696e3a33327078203020303b70616464696e672d746f703a3870783b626f726465722d746f703a31707820736f6c69642072676261283132382c313d0d0a32382c3132382c302e33293b666f6e742d73697a653a313270783b6c696e652d6865696768743a313870783b6f7061636974793a302e3735223e45616368206576656e74206973207265703d0d0a6f72746564206f6e636520666f72206561636820696e64696361746f722e2056616c7565732061726520646566616e6765643a205b2e5d206973206120646f742c206878787020697320683d0d0a7474702e3c62723e0d0a54687265617473696576652c20323032362d31312d32392032323a35323a3431205554433c2f703e0d0a3c2f6469763e0d0a3c2f626f64793e0d0a3c2f68746d6c3e0d0a2d2d35393134333330633335333039656634383964663034343836663363353139332d2d0d0a',1,1795992761825578,1,1795992821825578,'mail server 127.0.0.1:9: connecting: Connection refused (os error 111)',0,NULL);
INSERT INTO mails VALUES(6,'<132eb35a6934244adfff40da6be2b26d@soc.example>','soc@soc.example','[threatsieve] problem: blacklist held back, and 1 more',X'46726f6d3a20746872656174736965766540736f632e6578616d706c650d0a546f3a20736f6340736f632e6578616d706c650d0a5375626a6563743a205b74687265617473696576655d2070726f626c656d3a20626c61636b6c6973742068656c64206261636b2c20616e642031206d6f72650d0a446174653a2053756e2c203239204e6f7620323032362032323a35323a3431202b303030300d0a4d6573736167652d49443a203c313332656233356136393334323434616466666634306461366265326232366440736f632e6578616d706c653e0d0a4175746f2d5375626d69747465643a206175746f2d67656e6572617465640d0a582d4175746f2d526573706f6e73652d53757070726573733a20416c6c0d0a4c6973742d49643a20546872656174736965766520616c65727473203c74687265617473696576652d616c657274732e736f632e6578616d706c653e0d0a4d494d452d56657273696f6e3a20312e300d0a436f6e74656e742d547970653a20746578742f706c61696e3b20636861727365743d7574662d380d0a436f6e74656e742d5472616e736665722d456e636f64696e673a2071756f7465642d7072696e7461626c650d0a0d0a5468726561747369657665206f6e20766d2c207374617465202f746d702f7374617465362f73746174650d0a0d0a424547414e0d0a0d0a2a20626c61636b6c6973742068656c64206261636b0d0a202073696e636520323032362d31312d32395432323a35323a34312e3832353537385a0d0a20206578706563746564206174206d6f73742031302e3025206f66203820656e747269657320746f206c65617665206174206f6e63652c20676f742033202833372e3525290d0a20205768617420746f20646f3a206c6f6f6b206174207468652066656564733b20607468726561747369657665206665656473202d2d616c6c6f77204e414d4560206c65747320746865203d0d0a6e65787420626c61636b6c697374207468726f7567682e0d0a0d0a2a206f7574707574206e6f74207772697461626c650d0a202073696e636520323032362d31312d32395432323a35323a34312e3832353537385a0d0a20202f746d702f7374617465362f6f7574325b2e5d6e646a736f6e3a207265636f7264732063616e6e6f7420626520617070656e6465643a206578706563746564206120726567756c61723d0d0a2066696c652c20676f7420736f6d657468696e6720656c73653b2032207265636f72647320776169740d0a20205768617420746f20646f3a20667265652073706163652c206f722067697665207468652070726f6772616d2074686520726967687420746f2077726974653b206e6f7468696e6720693d0d0a73206c6f73742e0d0a0d0a5354494c4c2057524f4e470d0a0d0a2a206c6f6773206e6f7420726561643a206d697373696e672028666f72203273290d0a2a2073746f726564206c696e6573206e6f74206d6174636865642028666f72203173290d0a0d0a45616368206f66207468657365206973207265706f72746564206f6e6365207768656e20697420626567696e7320616e64206f6e6365207768656e20697420656e64732e20646f63732f6f3d0d0a7065726174696f6e732e6d64206578706c61696e7320656163682e0d0a436f6d706f73656420323032362d31312d32395432323a35323a34312e3832353537385a2e0d0a',NULL,1795992761825578,1,1795992821825578,'mail server 127.0.0.1:9: connecting: Connection refused (os error 111)',0,NULL);
CREATE TABLE mutes (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                     -- indicator, host, source
    value TEXT NOT NULL,
    until INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    silenced INTEGER NOT NULL DEFAULT 0,    -- matches that were left out of mails
    counted INTEGER NOT NULL DEFAULT 0,     -- of these, the matches that a mail's footer counted
    UNIQUE (kind, value)
) STRICT;
INSERT INTO mutes VALUES(1,'host','proxy.example.org',2055192760049307,'scanner',1795992760049307,0,0);
CREATE TABLE rounds (
    id INTEGER PRIMARY KEY,
    started INTEGER NOT NULL,
    ended INTEGER,
    report TEXT                             -- JSON
, config TEXT) STRICT;
INSERT INTO rounds VALUES(1,1795992759261419,1795992759513706,'{"round":1,"feeds":[{"name":"list","outcome":"taken","taken":{"added":5,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":1,"refused":1,"older":0,"ahead":0,"skipped":0,"held":null},"objects":6,"bytes":81,"seconds":0.038153559},{"name":"stix","outcome":"taken","taken":{"added":3,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":1,"refused":1,"older":0,"ahead":0,"skipped":0,"held":null},"objects":7,"bytes":2623,"seconds":0.048488834},{"name":"packages","outcome":"taken","taken":{"added":1,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null},"objects":1,"bytes":1119,"seconds":0.012826331},{"name":"ours","outcome":"taken","taken":{"added":1,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null},"objects":1,"bytes":17,"seconds":0.027342946},{"name":"from-misp","outcome":"taken","taken":{"added":1,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null},"objects":1,"bytes":1558,"seconds":0.062758859}],"generation":1,"held":null,"packages":[{"feed":"packages","written":1,"waiting":0,"missed":0,"error":null}],"follow":{"files":2,"new_files":2,"passed_over":0,"read":2,"waiting":0,"shared":0,"copies":0,"gone":0,"truncated":0,"bytes":832,"lines":8,"events":4,"matches":4,"malformed":0,"unchecked":0,"cut":0,"too_old":0,"without_blacklist":false,"stopped":false,"troubles":[{"source":"missing","path":"@FOLDER@/nowhere/access.log","what":"no such file or folder"}]},"history":{"files":0,"files_left":0,"missed":0,"newly_missed":0,"lines":0,"events":0,"matches":0},"records":{"written":4,"confirmed":0,"waiting":0,"error":null},"mails_composed":2,"delivery":{"sent":2,"retried":0,"given_up":0,"interrupted":false},"misp":[{"name":"soc","sent":2,"attributes":8,"retried":0,"failed":0,"uncertain":0,"refused":1,"sightings":0,"requests":7,"waiting":0,"paused":null,"error":null}],"push":null,"pruned":{"events":0,"files":0,"mails":0,"rejections":0,"rounds":0,"packages":0},"conditions":[{"kind":"logs_unread","subject":"missing","what":"@FOLDER@/nowhere/access.log: no such file or folder","since":"2026-11-29T22:52:39.261419Z"}],"errors":[],"stopped":false}','@FOLDER@/threatsieve.toml');
INSERT INTO rounds VALUES(2,1795992759606573,1795992759676439,'{"round":2,"feeds":[{"name":"list","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.0035852},{"name":"stix","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.003604608},{"name":"packages","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.007031133},{"name":"ours","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.008399476},{"name":"from-misp","outcome":"taken","taken":{"added":0,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null},"objects":1,"bytes":1934,"seconds":0.014945558}],"generation":null,"held":null,"packages":[{"feed":"packages","written":0,"waiting":0,"missed":0,"error":null}],"follow":{"files":3,"new_files":0,"passed_over":0,"read":0,"waiting":0,"shared":0,"copies":1,"gone":0,"truncated":0,"bytes":0,"lines":0,"events":0,"matches":0,"malformed":0,"unchecked":0,"cut":0,"too_old":0,"without_blacklist":false,"stopped":false,"troubles":[{"source":"missing","path":"@FOLDER@/nowhere/access.log","what":"no such file or folder"}]},"history":{"files":0,"files_left":0,"missed":0,"newly_missed":0,"lines":0,"events":0,"matches":0},"records":{"written":0,"confirmed":0,"waiting":0,"error":null},"mails_composed":0,"delivery":{"sent":0,"retried":0,"given_up":0,"interrupted":false},"misp":[{"name":"soc","sent":1,"attributes":1,"retried":0,"failed":0,"uncertain":0,"refused":1,"sightings":0,"requests":4,"waiting":0,"paused":null,"error":null}],"push":null,"conditions":[{"kind":"logs_unread","subject":"missing","what":"@FOLDER@/nowhere/access.log: no such file or folder","since":"2026-11-29T22:52:39.261419Z"}],"errors":[],"stopped":false}','@FOLDER@/threatsieve.toml');
INSERT INTO rounds VALUES(3,1795992759754063,1795992759840744,'{"round":3,"feeds":[{"name":"list","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.007739548},{"name":"stix","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.011376584},{"name":"packages","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.027248366},{"name":"ours","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.019180157},{"name":"from-misp","outcome":"taken","taken":{"added":0,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null},"objects":1,"bytes":1934,"seconds":0.039044427}],"generation":null,"held":null,"packages":[{"feed":"packages","written":0,"waiting":0,"missed":0,"error":null}],"follow":{"files":3,"new_files":0,"passed_over":0,"read":0,"waiting":0,"shared":0,"copies":1,"gone":0,"truncated":0,"bytes":0,"lines":0,"events":0,"matches":0,"malformed":0,"unchecked":0,"cut":0,"too_old":0,"without_blacklist":false,"stopped":false,"troubles":[{"source":"missing","path":"@FOLDER@/nowhere/access.log","what":"no such file or folder"}]},"history":{"files":0,"files_left":0,"missed":0,"newly_missed":0,"lines":0,"events":0,"matches":0},"records":{"written":0,"confirmed":0,"waiting":0,"error":null},"mails_composed":0,"delivery":{"sent":0,"retried":0,"given_up":0,"interrupted":false},"misp":[{"name":"soc","sent":1,"attributes":1,"retried":0,"failed":0,"uncertain":0,"refused":1,"sightings":0,"requests":4,"waiting":0,"paused":null,"error":null}],"push":null,"conditions":[{"kind":"logs_unread","subject":"missing","what":"@FOLDER@/nowhere/access.log: no such file or folder","since":"2026-11-29T22:52:39.261419Z"}],"errors":[],"stopped":false}','@FOLDER@/threatsieve.toml');
INSERT INTO rounds VALUES(4,1795992759923668,1795992760008662,'{"round":4,"feeds":[{"name":"list","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.010551107},{"name":"stix","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.025189152},{"name":"packages","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.020589109},{"name":"ours","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.018196792},{"name":"from-misp","outcome":"taken","taken":{"added":0,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null},"objects":1,"bytes":1934,"seconds":0.035426886}],"generation":null,"held":null,"packages":[{"feed":"packages","written":0,"waiting":0,"missed":0,"error":null}],"follow":{"files":3,"new_files":0,"passed_over":0,"read":0,"waiting":0,"shared":0,"copies":1,"gone":0,"truncated":0,"bytes":0,"lines":0,"events":0,"matches":0,"malformed":0,"unchecked":0,"cut":0,"too_old":0,"without_blacklist":false,"stopped":false,"troubles":[{"source":"missing","path":"@FOLDER@/nowhere/access.log","what":"no such file or folder"}]},"history":{"files":0,"files_left":0,"missed":0,"newly_missed":0,"lines":0,"events":0,"matches":0},"records":{"written":0,"confirmed":0,"waiting":0,"error":null},"mails_composed":0,"delivery":{"sent":0,"retried":0,"given_up":0,"interrupted":false},"misp":[{"name":"soc","sent":1,"attributes":1,"retried":0,"failed":0,"uncertain":0,"refused":1,"sightings":0,"requests":4,"waiting":0,"paused":null,"error":null}],"push":null,"conditions":[{"kind":"logs_unread","subject":"missing","what":"@FOLDER@/nowhere/access.log: no such file or folder","since":"2026-11-29T22:52:39.261419Z"}],"errors":[],"stopped":false}','@FOLDER@/threatsieve.toml');
INSERT INTO rounds VALUES(5,1795992760137417,1795992761760694,'{"round":5,"feeds":[{"name":"list","outcome":"taken","taken":{"added":1,"changed":0,"removed":0,"revoked":0,"renamed":0,"rejected":1,"refused":1,"older":0,"ahead":0,"skipped":0,"held":null},"objects":7,"bytes":93,"seconds":0.062643967},{"name":"stix","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.026609052},{"name":"packages","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.018498531},{"name":"ours","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.038482106},{"name":"from-misp","outcome":"failed","reason":"http://127.0.0.1:38193/events/index: no connection: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)","objects":0,"bytes":0,"seconds":1.3944576020000001}],"generation":2,"held":null,"packages":[{"feed":"packages","written":0,"waiting":0,"missed":0,"error":null}],"follow":{"files":2,"new_files":0,"passed_over":0,"read":1,"waiting":0,"shared":0,"copies":1,"gone":1,"truncated":0,"bytes":104,"lines":1,"events":1,"matches":1,"malformed":0,"unchecked":0,"cut":0,"too_old":0,"without_blacklist":false,"stopped":false,"troubles":[{"source":"missing","path":"@FOLDER@/nowhere/access.log","what":"no such file or folder"}]},"history":{"files":1,"files_left":1,"missed":1,"newly_missed":0,"lines":6,"events":0,"matches":0},"records":{"written":2,"confirmed":0,"waiting":0,"error":null},"mails_composed":2,"delivery":{"sent":2,"retried":0,"given_up":0,"interrupted":false},"misp":[{"name":"soc","sent":0,"attributes":0,"retried":0,"failed":0,"uncertain":0,"refused":0,"sightings":0,"requests":1,"waiting":1,"paused":null,"error":"http://127.0.0.1:38193/events/view/e0909193-2fab-59a7-b188-64c0dc3c9e64/deleted:1: Connection refused (os error 111)"}],"push":null,"conditions":[{"kind":"history_missed","subject":"","what":"the stored lines of 1 file cannot be matched with what is newly listed; they are tried in each round","since":"2026-11-29T22:52:40.137417Z"},{"kind":"logs_unread","subject":"missing","what":"@FOLDER@/nowhere/access.log: no such file or folder","since":"2026-11-29T22:52:39.261419Z"}],"errors":[],"stopped":false}','@FOLDER@/threatsieve.toml');
INSERT INTO rounds VALUES(6,1795992761825578,1795992763456846,'{"round":6,"feeds":[{"name":"list","outcome":"taken","taken":{"added":0,"changed":0,"removed":5,"revoked":0,"renamed":0,"rejected":0,"refused":0,"older":0,"ahead":0,"skipped":0,"held":null},"objects":1,"bytes":14,"seconds":0.009775268},{"name":"stix","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.021190615},{"name":"packages","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.025171736},{"name":"ours","outcome":"unchanged","objects":0,"bytes":0,"seconds":0.029054904},{"name":"from-misp","outcome":"failed","reason":"http://127.0.0.1:38193/events/index: no connection: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)","objects":0,"bytes":0,"seconds":1.5770792660000001}],"generation":null,"held":"expected at most 10.0% of 8 entries to leave at once, got 3 (37.5%)","packages":[{"feed":"packages","written":0,"waiting":0,"missed":0,"error":null}],"follow":{"files":2,"new_files":0,"passed_over":0,"read":1,"waiting":0,"shared":0,"copies":1,"gone":0,"truncated":0,"bytes":209,"lines":2,"events":2,"matches":2,"malformed":0,"unchecked":0,"cut":0,"too_old":0,"without_blacklist":false,"stopped":false,"troubles":[{"source":"missing","path":"@FOLDER@/nowhere/access.log","what":"no such file or folder"}]},"history":{"files":0,"files_left":1,"missed":1,"newly_missed":0,"lines":0,"events":0,"matches":0},"records":{"written":0,"confirmed":0,"waiting":2,"error":"@FOLDER@/out2.ndjson: records cannot be appended: expected a regular file, got something else"},"mails_composed":2,"delivery":{"sent":0,"retried":2,"given_up":0,"interrupted":false},"misp":[{"name":"soc","sent":0,"attributes":0,"retried":0,"failed":0,"uncertain":0,"refused":0,"sightings":0,"requests":0,"waiting":1,"paused":null,"error":null}],"push":{"name":"default","generation":2,"outcome":"failed","reason":"no host of the cluster is ready: http://127.0.0.1:9 (Connection refused (os error 111))","sent_bytes":0,"nodes":[],"seconds":0.00403649},"conditions":[{"kind":"blacklist_held","subject":"","what":"expected at most 10.0% of 8 entries to leave at once, got 3 (37.5%)","since":"2026-11-29T22:52:41.825578Z"},{"kind":"output_blocked","subject":"","what":"@FOLDER@/out2.ndjson: records cannot be appended: expected a regular file, got something else; 2 records wait","since":"2026-11-29T22:52:41.825578Z"},{"kind":"logs_unread","subject":"missing","what":"@FOLDER@/nowhere/access.log: no such file or folder","since":"2026-11-29T22:52:39.261419Z"},{"kind":"history_missed","subject":"","what":"the stored lines of 1 file cannot be matched with what is newly listed; they are tried in each round","since":"2026-11-29T22:52:40.137417Z"}],"errors":[],"stopped":false}','@FOLDER@/threatsieve.toml');
CREATE TABLE push (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER,                     -- pushed last; NULL before the first push
    digest BLOB,                            -- of its blacklist
    attempted INTEGER,                      -- time of the last push
    taken INTEGER,                          -- time of the cluster's acceptance; NULL without one
    acknowledged INTEGER,                   -- time at which all ingest nodes first served it
    refused TEXT,                           -- kind of the cluster's refusal, which lasts until an
                                            -- operator resolves it
    error TEXT                              -- why the last push failed; NULL if it succeeded
, unchecked TEXT, newly_unchecked INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO push VALUES(1,2,X'97aaa68afd603639cb4fcc434c2915911d76fce5bb4d3dd4c4a6ca1e7327052a',1795992761825578,NULL,NULL,NULL,'no host of the cluster is ready: http://127.0.0.1:9 (Connection refused (os error 111))',NULL,0);
CREATE TABLE history (
    file INTEGER PRIMARY KEY REFERENCES files (id),
    since INTEGER NOT NULL,                 -- time of the first change that requires it
    done INTEGER NOT NULL DEFAULT 0,        -- bytes of the decompressed stream matched in this pass
    until INTEGER NOT NULL,                 -- end of this pass
    again INTEGER NOT NULL DEFAULT 0,       -- first bytes of the stream that need another pass
    lines INTEGER NOT NULL DEFAULT 0,       -- lines before `done`
    header BLOB,                            -- the log's header lines that apply at `done` (Zeek)
    missed TEXT,                            -- why the last attempt to read it failed; NULL if it
                                            -- succeeded
    missed_since INTEGER                    -- time of the first failed attempt
) STRICT;
INSERT INTO history VALUES(2,1795992760137417,0,206,0,0,NULL,'the file is gone',1795992760137417);
CREATE TABLE copies (
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    original INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    same INTEGER NOT NULL,                  -- equal bytes at the start of the decompressed stream
    PRIMARY KEY (device, inode)
) STRICT, WITHOUT ROWID;
INSERT INTO copies VALUES(65024,10143774,630,1795992759556623,1,630);
CREATE TABLE upkeep (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    checked INTEGER,                        -- time of the last full check that found no damage
    pruned INTEGER,                         -- time of the last removal of old and surplus rows
    suspect INTEGER                         -- start of the last round, if it did nothing because
                                            -- the clock had jumped before it
) STRICT;
INSERT INTO upkeep VALUES(1,1795992759261419,1795992759261419,NULL);
CREATE TABLE conditions (
    kind TEXT NOT NULL,                     -- conditions/mod.rs
    subject TEXT NOT NULL,                  -- the feed, log source or recipient; empty if there is
                                            -- only one
    what TEXT NOT NULL,                     -- for people
    since INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
INSERT INTO conditions VALUES('blacklist_held','','expected at most 10.0% of 8 entries to leave at once, got 3 (37.5%)',1795992761825578);
INSERT INTO conditions VALUES('history_missed','','the stored lines of 1 file cannot be matched with what is newly listed; they are tried in each round',1795992760137417);
INSERT INTO conditions VALUES('logs_unread','missing','@FOLDER@/nowhere/access.log: no such file or folder',1795992759261419);
INSERT INTO conditions VALUES('output_blocked','','@FOLDER@/out2.ndjson: records cannot be appended: expected a regular file, got something else; 2 records wait',1795992761825578);
CREATE TABLE packages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- grows with each new content
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- the package's own; `blake3:DIGEST` if it has none
    digest BLOB NOT NULL,                   -- BLAKE3 of the content
    modified INTEGER,                       -- the publisher's time
    received INTEGER NOT NULL,              -- time at which this content first came
    seen INTEGER NOT NULL,                  -- time at which it came last
    bytes INTEGER NOT NULL,                 -- length of the content
    is_utf8 INTEGER NOT NULL,               -- 1 if it is UTF-8, whatever its declaration says
    body BLOB, dropped TEXT,                              -- the content, compressed with zstd; NULL if it is not
                                            -- kept
    UNIQUE (feed, id)
) STRICT;
INSERT INTO packages VALUES(1,1,'e:p1',X'8818fb268dffeb03928962462ddca6f6f57d33eec6493172eb736c1c4ea5f9f5',NULL,1795992759261419,1795992759261419,1118,1,X'28b52ffd605e03a50d008654422510cbe8014cdb64a15c51150e0817dd01331b82098dfbadbf876268b75e7598aaaa0ea203013a003600370001980783c1b4e6acff0a9bdaaf732ae76d98f218e06b4c248b87c3dd7e970e548209388a07844d14dab142ca0d433c109b686db77c69e4bc0929d67c9739726a958190d6392b41e42c6cfd073bd2669073fb9dedf77c6ebfdf7e3f3086f4bdd376dee40a741c20481a8440448d62eb130cb21cb329b673db27afeac17a99bcbcde0247af1eac91dbefb2150b0508e43c649e2f81f69bb5e02103f843b654d55231dcd9c638200394b7d624aa491473f9ae0683ef482b6cf8922fe21eb273eeb76c55db7012c5b27a17cb5e31248ab19579b089adccbbf6dbb0273ac5a24520208226ddcd03278443451cf11c3a960fbbe21989594590840c7e82898f1c6dae579e709e4df071853e81d3609c0078e6eaf6a66e9b521b14a2923e9b11db233808a041778225f092613c830f5eb4fc813a38a8404009ab2e10e09983121430b0980c264d238f3091a00c71b861ae320a14b45100fca3c2cb2d23145c71c970b640fa061a8c88300ab0dc207641e54d2a0be1f6e6c1227690403009900db73f026d0ac13ac366',NULL);
CREATE TABLE package_ids (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    role INTEGER NOT NULL,                  -- 0 an indicator in it, 1 defined in it, 2 referred to
                                            -- and defined elsewhere
    id TEXT NOT NULL,
    package INTEGER NOT NULL REFERENCES packages (number) ON DELETE CASCADE,
    PRIMARY KEY (feed, role, id, package)
) STRICT, WITHOUT ROWID;
INSERT INTO package_ids VALUES(1,0,'e:packaged.example',1);
CREATE TABLE match_parts (
    match INTEGER NOT NULL REFERENCES matches (id) ON DELETE CASCADE,
    entry_type TEXT NOT NULL,               -- as in `matches`; file-name for the name of a file
    entry TEXT NOT NULL,
    observable TEXT NOT NULL
) STRICT;
INSERT INTO match_parts VALUES(3,'domain-name','pair.example','http://pair.example/3');
INSERT INTO match_parts VALUES(3,'ipv4-addr','192.0.2.7','192.0.2.7');
CREATE TABLE threats (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- STIX id
    modified INTEGER,                       -- the publisher's time; NULL is older than any
    kind INTEGER NOT NULL,                  -- 0 software, 1 group, 2 technique
    name TEXT,                              -- NULL if it is revoked
    external TEXT,                          -- id in ATT&CK
    tlp INTEGER,                            -- 0 CLEAR to 4 RED; NULL unmarked
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
INSERT INTO threats VALUES(4,'malware--00000000-0046-4000-8000-000000000046',1767225600000000,0,'Emotet',NULL,NULL);
CREATE TABLE relations (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- STIX id
    modified INTEGER,
    indicator TEXT,                         -- STIX ids; NULL if it is revoked
    threat TEXT,
    tlp INTEGER,
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
INSERT INTO relations VALUES(4,'relationship--00000000-003c-4000-8000-00000000003c',1767225600000000,'indicator--00000000-0001-4000-8000-000000000001','malware--00000000-0046-4000-8000-000000000046',NULL);
CREATE TABLE misp_servers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    paused TEXT,                            -- why nothing is sent; NULL if it is not paused
    paused_since INTEGER,
    by_operator INTEGER NOT NULL DEFAULT 0, -- 1 if an operator paused it: only they resume it
    next_attempt INTEGER,                   -- not tried before this time
    failures INTEGER NOT NULL DEFAULT 0,    -- faults of the server in a row
    sightings INTEGER                       -- last match that was queued as a sighting; NULL if
                                            -- none was ever wanted
) STRICT;
INSERT INTO misp_servers VALUES(1,'soc',NULL,NULL,0,1795992787263124,1,4);
CREATE TABLE misp_feeds (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL REFERENCES misp_servers (id),
    feed INTEGER NOT NULL REFERENCES feeds (id),
    package INTEGER NOT NULL DEFAULT 0,     -- number of the last package that was taken over
    settings TEXT NOT NULL DEFAULT '',      -- the settings of the last round; if they differ, all
                                            -- indicators are taken over again
    UNIQUE (server, feed)
) STRICT;
INSERT INTO misp_feeds VALUES(1,1,3,0,'ae628e6c2b68d86355ef77808e71cabb3c9648105f51dc95ecfd2b3b144598d5');
INSERT INTO misp_feeds VALUES(2,1,4,0,'ae628e6c2b68d86355ef77808e71cabb3c9648105f51dc95ecfd2b3b144598d5');
CREATE TABLE misp_changes (
    misp_feed INTEGER NOT NULL REFERENCES misp_feeds (id),
    indicator TEXT NOT NULL,
    PRIMARY KEY (misp_feed, indicator)
) STRICT, WITHOUT ROWID;
INSERT INTO misp_changes VALUES(1,'10.0.0.0/8');
CREATE TABLE misp_events (
    id INTEGER PRIMARY KEY,
    misp_feed INTEGER NOT NULL REFERENCES misp_feeds (id),
    kind INTEGER NOT NULL,                  -- 0 a package that the server converts, 1 a package,
                                            -- 2 a report, 3 indicators of a day
    source TEXT NOT NULL,                   -- id of the package or report, or the day
    part INTEGER NOT NULL DEFAULT 0,        -- several events of one day are counted from 1
    refused TEXT,                           -- why the server refused the package
    tags TEXT NOT NULL DEFAULT '[]',        -- JSON: tags that it had from us
    day TEXT NOT NULL,                      -- date of the event: YYYY-MM-DD
    uuid TEXT,                              -- on the server; NULL if only the server knows it yet
    remote INTEGER,                         -- number on the server, of an imported one
    stage INTEGER NOT NULL DEFAULT 0,       -- of a package that the server converts: 0 not sent,
                                            -- 1 an upload began and its end is not known, 2 on the
                                            -- server, 3 refused, and sent as `kind` 1 instead,
                                            -- 4 imported and not looked up yet
    began INTEGER,                          -- time of the first upload
    size INTEGER NOT NULL DEFAULT 0,        -- number of values that were assigned to it
    state INTEGER NOT NULL DEFAULT 0,       -- 0 waiting, 1 sent, 2 failed, 3 uncertain
    change INTEGER NOT NULL DEFAULT 1,      -- counter of changes
    waiting INTEGER,                        -- time of the first change that is not sent
    digest BLOB,                            -- of the content that the server was last seen to have
    publishing INTEGER,                     -- time of the request to publish it; NULL if it is
                                            -- published or is not to be
    attempts INTEGER NOT NULL DEFAULT 0,    -- failed ones in a row
    next_attempt INTEGER,
    error TEXT,
    sent INTEGER,                           -- time of the last success
    UNIQUE (misp_feed, kind, source, part)
) STRICT;
INSERT INTO misp_events VALUES(1,1,3,'2026-11-29',1,NULL,'[]','2026-11-29','e0909193-2fab-59a7-b188-64c0dc3c9e64',NULL,0,NULL,6,0,12,1795992760137417,X'77d0bbd594fa35a48cbbe2fbff276599758728849fca913e682bd0aa9f708558',NULL,0,NULL,NULL,1795992759923668);
INSERT INTO misp_events VALUES(2,2,2,'report--00000000-0032-4000-8000-000000000032',0,NULL,'["tlp:green"]','2026-11-29','b303a715-d9d0-5317-a359-ff5214593276',NULL,0,NULL,3,1,3,NULL,X'2e4c98c398f1dafa665533ebaa15a4acd0483f80d415d910ef3572e7161a46a4',NULL,0,NULL,NULL,1795992759261419);
CREATE TABLE misp_indicators (
    misp_feed INTEGER NOT NULL REFERENCES misp_feeds (id),
    indicator TEXT NOT NULL,
    event INTEGER NOT NULL REFERENCES misp_events (id),
    PRIMARY KEY (misp_feed, indicator)
) STRICT, WITHOUT ROWID;
INSERT INTO misp_indicators VALUES(1,'10.0.0.0/8',1);
INSERT INTO misp_indicators VALUES(1,'evil.example',1);
INSERT INTO misp_indicators VALUES(1,'later.example',1);
INSERT INTO misp_indicators VALUES(1,'new.example',1);
INSERT INTO misp_indicators VALUES(1,'ours.example',1);
INSERT INTO misp_indicators VALUES(1,'refused.example',1);
INSERT INTO misp_indicators VALUES(2,'indicator--00000000-0001-4000-8000-000000000001',2);
INSERT INTO misp_indicators VALUES(2,'indicator--00000000-0002-4000-8000-000000000002',2);
CREATE TABLE misp_imported (
    server INTEGER NOT NULL REFERENCES misp_servers (id),
    feed INTEGER NOT NULL REFERENCES feeds (id),
    package TEXT NOT NULL,                  -- the package's id
    event INTEGER,                          -- the event's number on the server; NULL if it is not
                                            -- known, or the package was never sent
    PRIMARY KEY (server, feed, package)
) STRICT, WITHOUT ROWID;
INSERT INTO misp_imported VALUES(1,1,'e:p0',17);
CREATE TABLE misp_refused (
    event INTEGER NOT NULL REFERENCES misp_events (id),
    uuid BLOB NOT NULL,                     -- of the attribute
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (event, uuid)
) STRICT, WITHOUT ROWID;
INSERT INTO misp_refused VALUES(1,X'677982f6fe845ba4a80e3a84153cb252','refused.example','Could not add Attribute');
CREATE TABLE misp_sightings (
    server INTEGER NOT NULL REFERENCES misp_servers (id),
    match INTEGER NOT NULL,
    kind INTEGER NOT NULL,                  -- 0 seen, 1 a false positive
    PRIMARY KEY (server, match, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO misp_sightings VALUES(1,1,1);
CREATE TABLE reports (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- STIX id
    modified INTEGER,                       -- the publisher's time; NULL is older than any
    name TEXT,                              -- NULL if it is revoked
    tlp INTEGER,                            -- 0 CLEAR to 4 RED; NULL unmarked
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
INSERT INTO reports VALUES(4,'report--00000000-0032-4000-8000-000000000032',1767225600000000,'A report',NULL);
CREATE TABLE report_indicators (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    indicator TEXT NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (feed, indicator, report)
) STRICT, WITHOUT ROWID;
INSERT INTO report_indicators VALUES(4,'indicator--00000000-0001-4000-8000-000000000001','report--00000000-0032-4000-8000-000000000032');
INSERT INTO report_indicators VALUES(4,'indicator--00000000-0002-4000-8000-000000000002','report--00000000-0032-4000-8000-000000000032');
CREATE TABLE misp_listed (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- the indicator: UUID of the attribute
    event TEXT NOT NULL,                    -- UUID of the MISP event
    PRIMARY KEY (feed, id, event)
) STRICT, WITHOUT ROWID;
INSERT INTO misp_listed VALUES(5,'20bbfbbc-34c0-5b1a-ace0-412f979ebe00','7c270a0c-c8be-50b1-bcde-b4c6838d451e');
CREATE TABLE package_folders (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    folder TEXT NOT NULL,                   -- without links
    position INTEGER NOT NULL,              -- the number of the last package that was written
    PRIMARY KEY (feed, folder)
) STRICT, WITHOUT ROWID;
INSERT INTO package_folders VALUES(1,'@FOLDER@/out',1);
CREATE TABLE package_files (
    folder TEXT NOT NULL,
    folded TEXT NOT NULL,                   -- the name in lower case
    name TEXT NOT NULL,
    feed INTEGER NOT NULL REFERENCES feeds (id),
    package TEXT NOT NULL,                  -- the package's id
    PRIMARY KEY (folder, folded)
) STRICT, WITHOUT ROWID;
INSERT INTO package_files VALUES('@FOLDER@/out','e-p1.xml','e-p1.xml',1,'e:p1');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('packages',1);
CREATE INDEX files_by_source ON files (source);
CREATE INDEX files_by_identity ON files (identity);
CREATE INDEX matches_untold ON matches (id) WHERE told = 0;
CREATE INDEX matches_by_indicator ON matches (indicator, feed);
CREATE INDEX mails_waiting ON mails (id) WHERE state = 0;
CREATE INDEX rejections_by_indicator ON rejections (feed, origin, indicator);
CREATE INDEX package_ids_by_package ON package_ids (package);
CREATE INDEX match_parts_by_match ON match_parts (match);
CREATE INDEX relations_by_indicator ON relations (feed, indicator);
CREATE INDEX misp_feeds_by_feed ON misp_feeds (feed);
CREATE INDEX misp_events_waiting ON misp_events (misp_feed, id) WHERE state = 0;
CREATE INDEX misp_indicators_by_event ON misp_indicators (event);
CREATE INDEX report_indicators_by_report ON report_indicators (feed, report);
CREATE INDEX misp_listed_by_event ON misp_listed (feed, event);
CREATE UNIQUE INDEX package_files_by_package ON package_files (folder, feed, package);
COMMIT;
