-- handler: constructed: operators behind a key, literals that are no text, more of what looks like a key
-- config: table=sessions key=id
-- section: operators behind the comparison

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' IN (0)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' BETWEEN 0 AND 0

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' IS NULL

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' <=> 0

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' != 1

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' LIKE '0'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE NOT id = 'abc' IS TRUE

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' IS UNKNOWN

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id IN ('abc') = 0

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' | 1

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = ('abc' OR 'x')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' = 'def'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE 1 = (id = 'abc' AND n = 1)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE (id = 'abc') + 1

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' ^ 1

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE COALESCE(id = 'abc', 0)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE IF(id = 'abc', 1, 1)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = -'5'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = ~5

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 1e3

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = .5

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = (SELECT MAX(id) FROM sessions)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = ALL (SELECT id FROM sessions WHERE id = 'abc')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id IN (SELECT id FROM sessions WHERE n = 1 LIMIT 1)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id NOT IN (SELECT id FROM sessions WHERE id = 'abc')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM sessions t WHERE t.id = s.id AND t.id = 'abc')

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id IN (SELECT id FROM sessions WHERE id = 'abc')

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = (SELECT id FROM sessions WHERE id = 'abc' AND n >= 0)

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions s WHERE s.id = 'abc' AND EXISTS (SELECT 1 FROM sessions t WHERE t.id = s.id)

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE n = 1 IS FALSE AND id = 'abc' IS TRUE

-- expect: read key='abc'
-- proto: text
WITH sub AS (SELECT id, data FROM sessions) SELECT data FROM sub WHERE sub.id = 'abc'

-- expect: scatter-read
-- proto: text
WITH sub AS (SELECT id, data, n FROM sessions) SELECT x.data FROM sub x JOIN sub y ON x.n = y.n WHERE y.id = 'abc'

-- expect: scatter-read
-- proto: text
WITH sub AS (SELECT id, data, n FROM sessions) SELECT data FROM sub WHERE n = (SELECT n FROM sub WHERE id = 'abc')

-- expect: scatter-read
-- proto: text
SELECT * FROM (SELECT id, data FROM sessions UNION ALL SELECT id, data FROM sessions) t WHERE t.id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT * FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS r FROM sessions) t WHERE t.id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT * FROM (SELECT MAX(id) AS id FROM sessions) t WHERE t.id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT * FROM (SELECT n AS id, data FROM sessions) t WHERE t.id = 'abc'

-- expect: read keys=['abc','def']
-- proto: text
SELECT id FROM sessions WHERE id = 'abc' UNION SELECT id FROM sessions WHERE id = 'def' ORDER BY id

-- expect: read keys=['abc','def']
-- proto: text
SELECT id FROM sessions WHERE id = 'abc' EXCEPT SELECT id FROM sessions WHERE id = 'def'

-- expect: read key=''
-- proto: text
SELECT data FROM sessions WHERE id = ''

-- expect: read key='0'
-- proto: text
SELECT data FROM sessions WHERE id = '0'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' AND id IN ('abc', 'def')

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' AND (SELECT COUNT(*) FROM sessions WHERE id = 'abc') = 1

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' AND (SELECT COUNT(*) FROM sessions) >= 1

-- expect: read key='abc'
-- proto: text
SELECT(SELECT(data)FROM(sessions)WHERE`id`='abc')AS`d`

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id LIKE 'a%' AND id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE 'x' = 'x' AND 1 AND id = 'abc' AND TRUE

-- expect: broadcast-write
-- proto: text
UPDATE sessions SET data = 'x' WHERE id = 'abc' IS NOT TRUE

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE id = 'abc' IN (0)

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE (id = 'abc') = 0

-- expect: write key='abc'
-- proto: text
DELETE FROM sessions WHERE id IN (SELECT 'abc' FROM DUAL) AND id = 'abc'
