-- Truth and numbers.
true
NULL::boolean
'-32768'::smallint
2147483647
'-9223372036854775808'::bigint
9223372036854775807
4294967295::oid
0.1::real
'NaN'::real
0.1::double precision + 0.2::double precision
1.7976931348623157e308::double precision
'-Infinity'::double precision
'-0'::double precision
1.10::numeric(10, 2)
123456789012345678901234567890.123456789::numeric
1e-20::numeric
'NaN'::numeric
'Infinity'::numeric
12.5::money
-- Text.
'ab'::char(4)
'grün 🌲'::varchar(10)
''::text
'Ann'::citext
'so so'::mood
'name'::name
'c'::"char"
-- Bytes.
'\x00ff'::bytea
''::bytea
-- Dates and times.
'2024-02-29'::date
'0044-03-15 BC'::date
'12345-06-07'::date
'-infinity'::date
'23:59:60'::time
'04:05:06.789012'::time
'04:05:06.7-08'::timetz
'2024-02-29 12:34:56.789012'::timestamp
'2024-02-29 12:34:56+05:30'::timestamptz
'0044-03-15 00:00:00 BC'::timestamptz
'infinity'::timestamptz
'1 year 2 months -3 days 04:05:06.7'::interval
'0'::interval
-- Identifiers, JSON, XML.
'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid
'{"a": 1.10, "a": 2, "b": 123456789012345678901234567890}'::json
'{"b": [1, null, 1.10], "a": 123456789012345678901234567890}'::jsonb
'null'::jsonb
'"text"'::jsonb
'$.a[*]'::jsonpath
'<a b="1">x</a>'::xml
-- Networks, bits, geometry, search.
'192.168.1.5/24'::inet
'2001:db8::/32'::cidr
'08:00:2b:01:02:03'::macaddr
'08:00:2b:01:02:03:04:05'::macaddr8
B'101'::bit(3)
B'10'::varbit
'(1,2.5)'::point
'{1,2,3}'::line
'[(1,2),(3,4)]'::lseg
'(3,4),(1,2)'::box
'((0,0),(1,1),(2,0))'::path
'((0,0),(1,1),(2,0))'::polygon
'<(1,2),3>'::circle
'a fat:2 cat:3A'::tsvector
'fat & (rat | !cat)'::tsquery
'16/B374D848'::pg_lsn
'10:20:10,14,15'::pg_snapshot
'postgres=arw/postgres'::aclitem
-- Ranges.
'[1,10)'::int4range
'(,2024-02-29]'::daterange
'empty'::numrange
'["2024-01-01 00:00","2024-01-02 00:00")'::tsrange
'["2024-01-01 00:00Z",)'::tstzrange
'{[1,2),[5,9)}'::int8multirange
'{["2024-01-01 00:00Z",)}'::tstzmultirange
'[0.5,1]'::span
'{[0.5,1]}'::span_multirange
-- Arrays and composites.
ARRAY[1, NULL, 3]
'{}'::integer[]
'{{1,2},{3,4}}'::bigint[]
'[0:1]={5,6}'::integer[]
ARRAY['a,b', 'NULL', NULL, '"q\', '', '{x}']
ARRAY[true, false]
ARRAY[0.50, 'NaN']::numeric[]
ARRAY['(3,4),(1,2)'::box, '(7,8),(5,6)']
ARRAY['\x00ff'::bytea]
ARRAY['{"a": 1.10}'::jsonb]
ARRAY['2024-02-29 00:00Z'::timestamptz]
ARRAY['{[1,2)}'::int4multirange]
ARRAY['sad', 'so so']::mood[]
ARRAY['Ann']::citext[]
1.5::quantity
ARRAY[1.5, 2]::quantity[]
ARRAY[1.5]::quantities
ROW(7, 'a "b"')::pair
ARRAY[ROW(7, 'a')::pair, ROW(NULL, '')::pair]
-- Of extensions.
'a=>1, b=>NULL'::hstore
'a.b.c'::ltree
ARRAY['a.b'::ltree]
'1 2 3'::int2vector
