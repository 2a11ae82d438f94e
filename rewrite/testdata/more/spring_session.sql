-- handler: Spring Session JDBC
-- config: table=SPRING_SESSION key=SESSION_ID surrogate=PRIMARY_ID secondary=SPRING_SESSION_ATTRIBUTES(SESSION_PRIMARY_ID)
-- section: JdbcIndexedSessionRepository

-- expect: write key='sid-1'
-- proto: prepared
INSERT INTO SPRING_SESSION (PRIMARY_ID, SESSION_ID, CREATION_TIME, LAST_ACCESS_TIME, MAX_INACTIVE_INTERVAL, EXPIRY_TIME, PRINCIPAL_NAME) VALUES (?, ?, ?, ?, ?, ?, ?)
-- params: ["p-1", "sid-1", 1, 2, 3, 4, null]

-- expect: write key='sid-1' (secondary table)
-- proto: prepared
INSERT INTO SPRING_SESSION_ATTRIBUTES (SESSION_PRIMARY_ID, ATTRIBUTE_NAME, ATTRIBUTE_BYTES) SELECT PRIMARY_ID, ?, ? FROM SPRING_SESSION WHERE SESSION_ID = ?
-- params: ["n", "b", "sid-1"]

-- expect: write-by-other-column PRIMARY_ID='p-1' (secondary table)
-- proto: prepared
INSERT INTO SPRING_SESSION_ATTRIBUTES (SESSION_PRIMARY_ID, ATTRIBUTE_NAME, ATTRIBUTE_BYTES) VALUES (?, ?, ?)
-- params: ["p-1", "n", "b"]

-- expect: write-by-other-column PRIMARY_ID='p-1' (secondary table)
-- proto: prepared
INSERT INTO SPRING_SESSION_ATTRIBUTES (SESSION_PRIMARY_ID, ATTRIBUTE_NAME, ATTRIBUTE_BYTES) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE ATTRIBUTE_BYTES = VALUES(ATTRIBUTE_BYTES)
-- params: ["p-1", "n", "b"]

-- expect: read key='sid-1'
-- proto: prepared
SELECT S.PRIMARY_ID, S.SESSION_ID, S.CREATION_TIME, S.LAST_ACCESS_TIME, S.MAX_INACTIVE_INTERVAL, SA.ATTRIBUTE_NAME, SA.ATTRIBUTE_BYTES FROM SPRING_SESSION S LEFT JOIN SPRING_SESSION_ATTRIBUTES SA ON S.PRIMARY_ID = SA.SESSION_PRIMARY_ID WHERE S.SESSION_ID = ?
-- params: ["sid-1"]

-- expect: write-by-other-column PRIMARY_ID='p-1' sets-key='sid-2'
-- proto: prepared
-- note: sent on every access, whether the session ID has changed or not
UPDATE SPRING_SESSION SET SESSION_ID = ?, LAST_ACCESS_TIME = ?, MAX_INACTIVE_INTERVAL = ?, EXPIRY_TIME = ?, PRINCIPAL_NAME = ? WHERE PRIMARY_ID = ?
-- params: ["sid-2", 1, 2, 3, null, "p-1"]

-- expect: write-by-other-column PRIMARY_ID='p-1' (secondary table)
-- proto: prepared
UPDATE SPRING_SESSION_ATTRIBUTES SET ATTRIBUTE_BYTES = ? WHERE SESSION_PRIMARY_ID = ? AND ATTRIBUTE_NAME = ?
-- params: ["b", "p-1", "n"]

-- expect: write-by-other-column PRIMARY_ID='p-1' (secondary table)
-- proto: prepared
DELETE FROM SPRING_SESSION_ATTRIBUTES WHERE SESSION_PRIMARY_ID = ? AND ATTRIBUTE_NAME = ?
-- params: ["p-1", "n"]

-- expect: write key='sid-1'
-- proto: prepared
DELETE FROM SPRING_SESSION WHERE SESSION_ID = ? AND MAX_INACTIVE_INTERVAL >= 0
-- params: ["sid-1"]

-- expect: scatter-read (by other column principal_name='joe')
-- proto: prepared
SELECT S.PRIMARY_ID, S.SESSION_ID, SA.ATTRIBUTE_NAME, SA.ATTRIBUTE_BYTES FROM SPRING_SESSION S LEFT JOIN SPRING_SESSION_ATTRIBUTES SA ON S.PRIMARY_ID = SA.SESSION_PRIMARY_ID WHERE S.PRINCIPAL_NAME = ?
-- params: ["joe"]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM SPRING_SESSION WHERE EXPIRY_TIME < ?
-- params: [5]

-- expect: broadcast-write (DDL)
-- proto: text
CREATE TABLE SPRING_SESSION_ATTRIBUTES (SESSION_PRIMARY_ID CHAR(36) NOT NULL, ATTRIBUTE_NAME VARCHAR(200) NOT NULL, ATTRIBUTE_BYTES BLOB NOT NULL, CONSTRAINT SPRING_SESSION_ATTRIBUTES_PK PRIMARY KEY (SESSION_PRIMARY_ID, ATTRIBUTE_NAME), CONSTRAINT SPRING_SESSION_ATTRIBUTES_FK FOREIGN KEY (SESSION_PRIMARY_ID) REFERENCES SPRING_SESSION(PRIMARY_ID) ON DELETE CASCADE) ENGINE=InnoDB ROW_FORMAT=DYNAMIC

-- expect: write key='sid-1'
-- proto: prepared
-- note: a delete of both at once
DELETE S, SA FROM SPRING_SESSION S LEFT JOIN SPRING_SESSION_ATTRIBUTES SA ON SA.SESSION_PRIMARY_ID = S.PRIMARY_ID WHERE S.SESSION_ID = ?
-- params: ["sid-1"]
