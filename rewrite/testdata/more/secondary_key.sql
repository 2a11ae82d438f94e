-- handler: Spring Session 1.x: the second table holds the key itself
-- config: table=SPRING_SESSION key=SESSION_ID secondary=SPRING_SESSION_ATTRIBUTES(SESSION_ID)
-- section: JdbcOperationsSessionRepository

-- expect: write key='sid-1' (secondary table)
-- proto: prepared
INSERT INTO SPRING_SESSION_ATTRIBUTES(SESSION_ID, ATTRIBUTE_NAME, ATTRIBUTE_BYTES) VALUES (?, ?, ?)
-- params: ["sid-1", "n", "b"]

-- expect: write key='sid-1' (secondary table)
-- proto: prepared
UPDATE SPRING_SESSION_ATTRIBUTES SET ATTRIBUTE_BYTES = ? WHERE SESSION_ID = ? AND ATTRIBUTE_NAME = ?
-- params: ["b", "sid-1", "n"]

-- expect: read key='sid-1'
-- proto: prepared
SELECT S.SESSION_ID, SA.ATTRIBUTE_NAME FROM SPRING_SESSION S LEFT OUTER JOIN SPRING_SESSION_ATTRIBUTES SA ON S.SESSION_ID = SA.SESSION_ID WHERE S.SESSION_ID = ?
-- params: ["sid-1"]

-- expect: read key='sid-1'
-- proto: prepared
SELECT * FROM SPRING_SESSION NATURAL LEFT JOIN SPRING_SESSION_ATTRIBUTES WHERE SESSION_ID = ?
-- params: ["sid-1"]

-- expect: read key='sid-1'
-- proto: prepared
SELECT * FROM SPRING_SESSION S JOIN SPRING_SESSION_ATTRIBUTES A USING (SESSION_ID) WHERE S.SESSION_ID = ?
-- params: ["sid-1"]
