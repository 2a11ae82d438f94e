-- handler: Hibernate, JPA, Spring Data, EclipseLink, jOOQ
-- config: table=user_session key=id
-- section: Hibernate 6

-- expect: read key='abc'
-- proto: prepared
select us1_0.id,us1_0.data,us1_0.expires from user_session us1_0 where us1_0.id=?
-- params: ["abc"]

-- expect: read-for-update key='abc'
-- proto: prepared
select us1_0.id,us1_0.data from user_session us1_0 where us1_0.id=? for update of us1_0
-- params: ["abc"]

-- expect: read-for-update key='abc'
-- proto: prepared
select us1_0.id,us1_0.data from user_session us1_0 where us1_0.id=? for share of us1_0 nowait
-- params: ["abc"]

-- expect: read keys=['a','b']
-- proto: prepared
select us1_0.id,us1_0.data from user_session us1_0 where (us1_0.id) in (?,?)
-- params: ["a", "b"]

-- expect: write key='abc'
-- proto: prepared
insert into user_session (data,expires,id) values (?,?,?)
-- params: ["d", 5, "abc"]

-- expect: write key='abc'
-- proto: prepared
update user_session set data=?,expires=? where id=?
-- params: ["d", 5, "abc"]

-- expect: write key='abc'
-- proto: prepared
update user_session us1_0 set expires=? where us1_0.id=?
-- params: [5, "abc"]

-- expect: write key='abc'
-- proto: prepared
-- note: optimistic locking
update user_session set data=?,version=? where id=? and version=?
-- params: ["d", 2, "abc", 1]

-- expect: write key='abc'
-- proto: prepared
delete from user_session where id=? and version=?
-- params: ["abc", 2]

-- expect: broadcast-write (GC)
-- proto: prepared
delete us1_0 from user_session us1_0 where us1_0.expires<?
-- params: [5]

-- expect: broadcast-write (GC)
-- proto: prepared
delete from user_session us1_0 where us1_0.expires<?
-- params: [5]

-- expect: scatter-read
-- proto: prepared
select count(*) from user_session us1_0
-- params: []

-- expect: scatter-read (by other column user_name='u')
-- proto: prepared
select us1_0.id from user_session us1_0 where us1_0.user_name=? order by us1_0.expires limit ?,?
-- params: ["u", 0, 10]

-- expect: read key='abc'
-- proto: prepared
/* load com.example.UserSession */select us1_0.id,us1_0.data from user_session us1_0 where us1_0.id=?
-- params: ["abc"]

-- expect: other-table
-- proto: text
select next_val as id_val from hibernate_sequence for update

-- expect: other-table
-- proto: prepared
update hibernate_sequence set next_val= ? where next_val=?
-- params: [2, 1]

-- expect: read key='abc'
-- proto: prepared
select case when count(us1_0.id)>0 then true else false end from user_session us1_0 where us1_0.id=?
-- params: ["abc"]

-- section: Hibernate 5 and older

-- expect: read key='abc'
-- proto: prepared
select usersessio0_.id as id1_0_0_, usersessio0_.data as data2_0_0_ from user_session usersessio0_ where usersessio0_.id=?
-- params: ["abc"]

-- expect: read key='abc'
-- proto: prepared
select usersessio0_.id as col_0_0_ from user_session usersessio0_ where usersessio0_.id=? and (usersessio0_.expires is null or usersessio0_.expires>?) limit ?
-- params: ["abc", 5, 1]

-- section: EclipseLink, jOOQ, MyBatis

-- expect: read key='abc'
-- proto: prepared
SELECT ID, DATA, EXPIRES FROM USER_SESSION WHERE (ID = ?)
-- params: ["abc"]

-- expect: write key='abc'
-- proto: prepared
UPDATE USER_SESSION SET DATA = ?, EXPIRES = ? WHERE (ID = ?)
-- params: ["d", 5, "abc"]

-- expect: read key='abc'
-- proto: prepared
select `user_session`.`id`, `user_session`.`data` from `user_session` where (`user_session`.`expires` > ? and `user_session`.`id` = ?)
-- params: [5, "abc"]

-- expect: write key='abc'
-- proto: prepared
insert into `user_session` (`id`, `data`) values (?, ?) on duplicate key update `user_session`.`data` = ?
-- params: ["abc", "d", "d"]

-- expect: write key='abc'
-- proto: prepared
insert ignore into user_session (id, data) values (?, ?)
-- params: ["abc", "d"]

-- section: Connector/J rewriteBatchedStatements

-- expect: write keys=['a','b']
-- proto: text
insert into user_session (data,id) values ('1','a'),('2','b')

-- expect: multi [write key='a'; write key='b']
-- proto: text
update user_session set data='1' where id='a';update user_session set data='2' where id='b'

-- section: transactions

-- expect: session-state next-txn-isolation
-- proto: text
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE

-- expect: session-state
-- proto: text
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED

-- expect: txn-savepoint
-- proto: text
SAVEPOINT `jdbc_1`

-- expect: txn-release-savepoint
-- proto: text
RELEASE SAVEPOINT jdbc_1
