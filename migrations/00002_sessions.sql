-- Secure sessions, in the table that older backends of the platform used too, and an audit that can only grow.
-- Of a session_token only the SHA-256 is stored, in hex. Columns that an old backend has besides are left alone.

-- +goose Up

create table meshsso.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  event text not null,
  session_id uuid,
  user_id bigint,
  email text,
  tenant_id uuid,
  agent_id bigint,
  hostname text,
  view_mode integer,
  client_ip inet,
  user_agent text,
  reason text,
  actor text,
  kind text,
  bytes_up bigint,
  bytes_down bigint,
  seconds double precision
);
create index audit_at on meshsso.audit using brin (at);
comment on table meshsso.audit is 'Who used which device through the session proxy, when, from where and for how long. Append-only.';

-- +goose StatementBegin
create function meshsso.audit_only_grows() returns trigger
language plpgsql as $fn$
begin
  raise exception 'meshsso.audit is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end
$fn$;
-- +goose StatementEnd
create trigger audit_only_grows before update or delete or truncate on meshsso.audit
  for each statement execute function meshsso.audit_only_grows();

-- What `migrate down` must know: whether the table was an old backend's, and which columns and indexes are ours.
create table meshsso.session_table (adopted boolean not null, added text[] not null default '{}');

-- refuse_sessions ends the migration with a way out.
-- +goose StatementBegin
create function meshsso.refuse_sessions(why text) returns void
language plpgsql as $fn$
begin
  raise exception 'public.meshcentral_sessions cannot be upgraded: %', why
    using hint = 'change it, or rename the table (its rows are kept under the new name), then run: meshsso migrate up';
end
$fn$;
-- +goose StatementEnd

-- session_column gives the type of one column of the table, NULL if there is none.
-- +goose StatementBegin
create function meshsso.session_column(col name) returns text
language sql stable as $fn$
  select format_type(atttypid, atttypmod) from pg_attribute
   where attrelid = to_regclass('public.meshcentral_sessions') and attname = col and attnum > 0 and not attisdropped
$fn$;
-- +goose StatementEnd

-- retype_session_column changes a column's type; its default goes, because it is one of the old type.
-- +goose StatementBegin
create function meshsso.retype_session_column(col name, want text, expr text) returns void
language plpgsql as $fn$
begin
  execute format('alter table public.meshcentral_sessions alter column %I drop default', col);
  execute format('alter table public.meshcentral_sessions alter column %I type %s using %s', col, want, expr);
end
$fn$;
-- +goose StatementEnd

-- fit_session_column brings one of the specification's columns to a type that the service can use.
-- +goose StatementBegin
create function meshsso.fit_session_column(col name, want text) returns void
language plpgsql as $fn$
declare
  have text := meshsso.session_column(col);
  base text := regexp_replace(have, '\(.*\)', '');
  textual boolean := base in ('text', 'character varying', 'character', 'uuid');
  size int := substring(have from '\((\d+)\)')::int;
begin
  case want
    when 'number' then
      if base not in ('smallint', 'integer', 'bigint') then
        perform meshsso.refuse_sessions(format('column %s is %s and must be an integer', col, have));
      end if;
    when 'mode' then
      if textual then
        perform meshsso.retype_session_column(col, 'integer', format('case when %1$I::text ~ ''^\s*\d{1,6}\s*$'' then %1$I::text::integer end', col));
      elsif base not in ('smallint', 'integer', 'bigint') then
        perform meshsso.refuse_sessions(format('column %s is %s and must be an integer', col, have));
      end if;
    when 'text' then
      if base = 'text' or (base = 'character varying' and coalesce(size, 255) >= 255) then return; end if;
      if not textual then perform meshsso.refuse_sessions(format('column %s is %s and must be varchar(255)', col, have)); end if;
      perform meshsso.retype_session_column(col, 'varchar(255)', format('%I::text', col));
    when 'time' then
      if base like 'timestamp%with time zone' then return; end if;
      if base like 'timestamp%without time zone' then
        perform meshsso.retype_session_column(col, 'timestamptz', format('%I at time zone ''UTC''', col));
      elsif base = 'date' then
        perform meshsso.retype_session_column(col, 'timestamptz', format('%I::timestamp at time zone ''UTC''', col));
      elsif base in ('integer', 'bigint', 'numeric', 'double precision') then -- seconds, or JavaScript's milliseconds
        perform meshsso.retype_session_column(col, 'timestamptz',
          format('to_timestamp(case when %1$I > 100000000000 then %1$I / 1000.0 else %1$I end)', col));
      else
        perform meshsso.refuse_sessions(format('column %s is %s and must be a time', col, have));
      end if;
  end case;
end
$fn$;
-- +goose StatementEnd

-- add_session_column adds a column if there is none; one of another type than we need is refused.
-- +goose StatementBegin
create function meshsso.add_session_column(col name, typ text, more text default '') returns void
language plpgsql as $fn$
declare
  have text := meshsso.session_column(col);
begin
  if have is null then
    execute format('alter table public.meshcentral_sessions add column %I %s %s', col, typ, more);
    update meshsso.session_table set added = added || col::text;
  elsif have <> typ then
    perform meshsso.refuse_sessions(format('it has a column %s of type %s, and ours of that name is %s', col, have, typ));
  end if;
end
$fn$;
-- +goose StatementEnd

-- hash_session_tokens replaces every token by its hash. What no two rows may share gets a random one: the rows have expired.
-- +goose StatementBegin
create function meshsso.hash_session_tokens() returns void
language plpgsql as $fn$
begin
  perform meshsso.retype_session_column('session_token', 'text', 'session_token::text');
  update public.meshcentral_sessions s
     set session_token = encode(sha256(convert_to(
           case when n.nth = 1 and n.token is not null then n.token else gen_random_uuid()::text || coalesce(n.token, '') end, 'UTF8')), 'hex')
    from (select ctid as place, session_token as token, row_number() over (partition by session_token order by ctid) as nth
            from public.meshcentral_sessions) n
   where s.ctid = n.place;
  perform meshsso.retype_session_column('session_token', 'varchar(64)', 'session_token');
  alter table public.meshcentral_sessions alter column session_token set not null;
  if not exists (
    select 1 from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
     where i.indrelid = 'public.meshcentral_sessions'::regclass and i.indisunique and i.indisvalid and i.indpred is null
       and i.indnkeyatts = 1 and a.attname = 'session_token') then
    create unique index meshsso_session_token on public.meshcentral_sessions (session_token);
  end if;
end
$fn$;
-- +goose StatementEnd

-- blank_session_secrets empties meshcentral_cookie, whatever is named like a secret or can hold one in a URL, and every text that
-- holds a JWT. Then every column that we do not fill may be empty.
-- +goose StatementBegin
create function meshsso.blank_session_secrets() returns void
language plpgsql as $fn$
declare
  c record;
  secret boolean;
begin
  for c in
    select a.attname as name, a.attnotnull as required, a.atthasdef or a.attidentity <> '' as filled, a.attgenerated <> '' as generated,
           format_type(a.atttypid, null) as typ,
           exists (select 1 from pg_index i where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any(i.indkey)) as key
      from pg_attribute a
     where a.attrelid = 'public.meshcentral_sessions'::regclass and a.attnum > 0 and not a.attisdropped
       and a.attname not in ('session_token', 'user_id', 'agent_id', 'node_id', 'view_mode', 'expires_at', 'created_at', 'last_used_at')
  loop
    continue when c.generated;
    secret := c.name = 'meshcentral_cookie' or (c.name ~* 'token|jwt|cookie|secret|passw|auth|bearer|login|url|credential|hash'
      and c.typ in ('text', 'character varying', 'character', 'json', 'jsonb', 'bytea', 'text[]', 'character varying[]'));
    if c.key then
      if secret then perform meshsso.refuse_sessions(format('its primary key column %s looks like a secret and cannot be emptied', c.name)); end if;
      if c.typ = 'uuid' and not c.filled then
        execute format('alter table public.meshcentral_sessions alter column %I set default gen_random_uuid()', c.name);
      elsif not c.filled then
        perform meshsso.refuse_sessions(format('its primary key column %s has no default', c.name));
      end if;
      continue;
    end if;
    if c.required and (secret or not c.filled or c.typ ~ 'char|text|json') then
      execute format('alter table public.meshcentral_sessions alter column %I drop not null', c.name);
    end if;
    if secret then
      execute format('alter table public.meshcentral_sessions alter column %I drop default', c.name);
      execute format('update public.meshcentral_sessions set %1$I = null where %1$I is not null', c.name);
    elsif c.typ ~ 'char|text|json' then
      execute format('update public.meshcentral_sessions set %1$I = null where %1$I::text ~ ''eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.''', c.name);
    end if;
  end loop;
end
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
create function meshsso.adopt_sessions() returns void
language plpgsql as $fn$
declare
  c text;
begin
  if (select relkind from pg_class where oid = 'public.meshcentral_sessions'::regclass) <> 'r' then
    perform meshsso.refuse_sessions('it is not an ordinary table');
  end if;
  lock table public.meshcentral_sessions in access exclusive mode;
  if meshsso.session_column('session_token') is null then
    perform meshsso.refuse_sessions('it has no column session_token');
  end if;
  perform meshsso.hash_session_tokens();
  perform meshsso.blank_session_secrets();
  perform meshsso.add_session_column(v.col, v.typ)
    from (values ('user_id', 'bigint'), ('agent_id', 'bigint'), ('node_id', 'character varying(255)'), ('view_mode', 'integer'),
                 ('meshcentral_cookie', 'text'), ('expires_at', 'timestamp with time zone'), ('created_at', 'timestamp with time zone'),
                 ('last_used_at', 'timestamp with time zone')) v(col, typ)
   where meshsso.session_column(v.col) is null;
  perform meshsso.fit_session_column(v.col, v.want)
    from (values ('user_id', 'number'), ('agent_id', 'number'), ('node_id', 'text'), ('view_mode', 'mode'),
                 ('expires_at', 'time'), ('created_at', 'time'), ('last_used_at', 'time')) v(col, want);
  update public.meshcentral_sessions set expires_at = least(coalesce(expires_at, now()), now());
end
$fn$;
-- +goose StatementEnd

-- +goose StatementBegin
do $do$
begin
  if to_regclass('public.meshcentral_sessions') is not null then
    insert into meshsso.session_table (adopted) values (true);
    perform meshsso.adopt_sessions();
  else
    insert into meshsso.session_table (adopted) values (false);
    create table public.meshcentral_sessions (
      session_token varchar(64) not null unique,
      user_id bigint not null,
      agent_id bigint not null,
      node_id varchar(255) not null,
      view_mode integer not null,
      meshcentral_cookie text,
      expires_at timestamptz not null,
      created_at timestamptz not null default now(),
      last_used_at timestamptz not null default now()
    );
  end if;
  perform meshsso.add_session_column('session_id', 'uuid', 'not null default gen_random_uuid() constraint meshsso_session_id unique');
  -- Whose JWT made or renewed it, as the token said: everything else is read anew from the platform's rows.
  perform meshsso.add_session_column('email', 'text');
  perform meshsso.add_session_column('jwt_tenant_id', 'uuid');
  perform meshsso.add_session_column('jwt_role', 'text');
  perform meshsso.add_session_column('jwt_key', 'smallint');
  perform meshsso.add_session_column('jwt_expires_at', 'timestamp with time zone');
  perform meshsso.add_session_column('agent_tenant_id', 'uuid');
  perform meshsso.add_session_column('restricted', 'boolean');
  perform meshsso.add_session_column('cookie_hash', 'character varying(64)');
  perform meshsso.add_session_column('ticket_hash', 'character varying(64)');
  perform meshsso.add_session_column('ticket_expires_at', 'timestamp with time zone');
  perform meshsso.add_session_column('opened_at', 'timestamp with time zone');
  perform meshsso.add_session_column('renewed_at', 'timestamp with time zone');
  perform meshsso.add_session_column('ended_at', 'timestamp with time zone');
  perform meshsso.add_session_column('end_reason', 'text');
  perform meshsso.add_session_column('tunnels_until', 'timestamp with time zone');
  perform meshsso.add_session_column('client_ip', 'text');
  perform meshsso.add_session_column('user_agent', 'text');
  -- Rows that are there already are an old backend's: no service of ours takes one for a session or deletes it.
  update public.meshcentral_sessions set email = null, ended_at = now(), end_reason = 'upgraded';
  create index meshsso_session_live on public.meshcentral_sessions (user_id) where ended_at is null;
  comment on column public.meshcentral_sessions.session_token is 'SHA-256 of the token, in hex.';
  comment on column public.meshcentral_sessions.meshcentral_cookie is 'Always empty: MeshCentral''s credentials are not stored.';
end
$do$;
-- +goose StatementEnd

drop function meshsso.adopt_sessions();
drop function meshsso.blank_session_secrets();
drop function meshsso.hash_session_tokens();
drop function meshsso.add_session_column(name, text, text);
drop function meshsso.fit_session_column(name, text);
drop function meshsso.retype_session_column(name, text, text);
drop function meshsso.session_column(name);
drop function meshsso.refuse_sessions(text);

-- +goose Down
-- A table that was an old backend's keeps its rows, expired and with hashed tokens; only what we added to it goes.
-- +goose StatementBegin
do $do$
declare
  col text;
begin
  if to_regclass('public.meshcentral_sessions') is not null then
    if (select adopted from meshsso.session_table) then
      update public.meshcentral_sessions set expires_at = least(expires_at, now());
      drop index if exists public.meshsso_session_live, public.meshsso_session_token;
      foreach col in array (select added from meshsso.session_table) loop
        execute format('alter table public.meshcentral_sessions drop column if exists %I', col);
      end loop;
    else
      drop table public.meshcentral_sessions;
    end if;
  end if;
end
$do$;
-- +goose StatementEnd
drop table meshsso.session_table;
drop table meshsso.audit;
drop function meshsso.audit_only_grows();
