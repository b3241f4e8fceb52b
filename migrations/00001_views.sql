-- The database contract: four views with fixed columns, made over the platform's own tables where these exist.
-- The platform's tables are only read. An operator whose columns have other names redefines a view with
-- `create or replace view`; such a view is never touched again by `meshsso migrate up`.

-- +goose Up

-- node_key brings every way in which a platform stores a MeshCentral node id to one: the 64 characters that follow
-- "node/<domain>/". NULL for anything else. meshbridge.ParseNodeID is the same rule in Go.
-- +goose StatementBegin
create function meshsso.node_key(node_id text) returns text
language sql immutable parallel safe as $fn$
  select case
    when node_id ~ '^[0-9A-Fa-f]{96}$' then translate(encode(decode(node_id, 'hex'), 'base64'), '+/', '@$')
    when node_id ~ '^[A-Za-z0-9@$]{64}$' then node_id
    when node_id ~ '^node/[^/]*/[A-Za-z0-9@$]{64}$' then right(node_id, 64)
  end
$fn$;
-- +goose StatementEnd

-- platform_column gives the SQL expression for one column of one platform table, cast to the contract's type, or NULL if
-- the table has no such column.
-- +goose StatementBegin
create function meshsso.platform_column(tab regclass, col name, want text) returns text
language plpgsql stable as $fn$
declare
  have text;
  kind "char";
begin
  select format_type(a.atttypid, null), t.typtype into have, kind
    from pg_attribute a join pg_type t on t.oid = a.atttypid
   where a.attrelid = tab and a.attname = col and a.attnum > 0 and not a.attisdropped;
  if have is null then
    return null;
  end if;
  if have = want then
    return format('p.%I', col);
  end if;
  case want
    when 'text' then
      return format('p.%I::text', col);
    when 'bigint' then
      if have in ('integer', 'smallint') then return format('p.%I::bigint', col); end if;
    when 'uuid' then
      -- A text that is no UUID becomes NULL, which is denied; a failing cast would shut everybody out.
      if have in ('text', 'character varying', 'character') then
        return format('case when p.%1$I ~ ''^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'' then p.%1$I::uuid end', col);
      end if;
    when 'boolean' then
      if have in ('integer', 'smallint', 'bigint') then return format('(p.%I <> 0)', col); end if;
  end case;
  raise exception 'the platform''s table % has column % of type %, which cannot be read as %', tab, col, have, want
    using hint = 'create the view of schema meshsso yourself over the right column, then run: meshsso migrate up';
end
$fn$;
-- +goose StatementEnd

-- view_state: 'missing', 'placeholder' (ours, empty) or 'defined'. A placeholder is known by a literal inside its
-- definition, not by a comment: a comment would survive an operator's `create or replace view`.
-- +goose StatementBegin
create function meshsso.view_state(view_name text) returns text
language plpgsql stable as $fn$
declare
  oid_ regclass := to_regclass(format('meshsso.%I', view_name));
begin
  if oid_ is null then return 'missing'; end if;
  if (select relkind from pg_class where oid = oid_) = 'v'
     and position('meshsso:placeholder' in pg_get_viewdef(oid_)) > 0 then
    return 'placeholder';
  end if;
  return 'defined';
end
$fn$;
-- +goose StatementEnd

-- bind_view makes one view over one platform table if there is none yet, and says what it did. `columns` is a JSON array
-- of {name, type, from: [candidate columns], default: SQL or null}; a column without a default must exist.
-- +goose StatementBegin
create function meshsso.bind_view(view_name text, table_name text, columns jsonb) returns setof text
language plpgsql as $fn$
declare
  state text := meshsso.view_state(view_name);
  tab regclass := to_regclass(format('public.%I', table_name));
  c jsonb;
  expr text;
  candidate text;
  list text[] := '{}';
begin
  if state = 'defined' then
    return;
  end if;
  if tab is null then
    if state = 'missing' then
      for c in select * from jsonb_array_elements(columns) loop
        list := list || format('null::%s as %I', c->>'type', c->>'name');
      end loop;
      execute format('create view meshsso.%I as select %s where ''meshsso:placeholder'' = ''''', view_name, array_to_string(list, ', '));
    end if;
    if table_name <> '' then
      return next format('meshsso.%s is an empty placeholder: there is no table public.%s yet. Run `meshsso migrate up` again when there is, or define the view yourself.', view_name, table_name);
    end if;
    return;
  end if;
  for c in select * from jsonb_array_elements(columns) loop
    expr := null;
    for candidate in select jsonb_array_elements_text(c->'from') loop
      expr := coalesce(expr, meshsso.platform_column(tab, candidate::name, c->>'type'));
    end loop;
    if expr is null and c->>'default' is null then
      raise exception 'the platform''s table % has no column %', tab, (select string_agg(x, ' or ') from jsonb_array_elements_text(c->'from') x)
        using hint = format('create view meshsso.%s yourself over the right columns, then run: meshsso migrate up', view_name);
    end if;
    if expr is null then
      expr := c->>'default';
      return next format('public.%s has no column %s; meshsso.%s.%s is always %s.', table_name, c->'from'->>0, view_name, c->>'name', expr);
      if view_name = 'users' and c->>'name' = 'disabled' then
        return next 'So nobody can be disabled: only deleting a person''s row in the platform ends their access.';
      end if;
    elsif c->>'type' = 'boolean' then
      expr := format('coalesce(%s, false)', expr);
    end if;
    list := list || format('%s as %I', expr, c->>'name');
  end loop;
  execute format('create or replace view meshsso.%I as select %s from %s p', view_name, array_to_string(list, ', '), tab);
  return next format('meshsso.%s reads public.%s.', view_name, table_name);
end
$fn$;
-- +goose StatementEnd

-- bind_platform makes or completes all views; `meshsso migrate up` calls it after every run. Each row is a sentence for
-- the operator. device_links has no platform table: it is empty until an operator defines it.
-- +goose StatementBegin
create function meshsso.bind_platform() returns setof text
language plpgsql as $fn$
begin
  return query select meshsso.bind_view('users', 'users', '[
    {"name":"user_id","type":"bigint","from":["user_id"]},
    {"name":"email","type":"text","from":["email"]},
    {"name":"full_name","type":"text","from":["full_name"],"default":"null::text"},
    {"name":"tenant_id","type":"uuid","from":["tenant_id"]},
    {"name":"role","type":"text","from":["role"]},
    {"name":"is_superadmin","type":"boolean","from":["is_superadmin"],"default":"false"},
    {"name":"disabled","type":"boolean","from":["disabled"],"default":"false"}]');
  return query select meshsso.bind_view('tenants', 'tenants', '[
    {"name":"tenant_id","type":"uuid","from":["tenant_id"]},
    {"name":"name","type":"text","from":["name"],"default":"null::text"}]');
  return query select meshsso.bind_view('agents', 'agents', '[
    {"name":"agent_id","type":"bigint","from":["agent_id"]},
    {"name":"uuid","type":"text","from":["uuid"],"default":"null::text"},
    {"name":"hostname","type":"text","from":["hostname"],"default":"null::text"},
    {"name":"platform","type":"text","from":["platform"],"default":"null::text"},
    {"name":"tenant_id","type":"uuid","from":["tenant_id"]},
    {"name":"node_id","type":"text","from":["meshcentral_nodeid"]}]');
  return query select meshsso.bind_view('device_links', '', '[
    {"name":"user_id","type":"bigint","from":[]},
    {"name":"agent_id","type":"bigint","from":[]},
    {"name":"role","type":"text","from":[]}]');
  -- A platform that learns to disable people later must not be read as if it could not.
  if to_regclass('public.users') is not null
     and meshsso.platform_column(to_regclass('public.users'), 'disabled', 'text') is not null
     and not exists (
       select 1 from pg_depend d
         join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
         join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where r.ev_class = to_regclass('meshsso.users') and d.refobjid = to_regclass('public.users') and a.attname = 'disabled') then
    return next 'Warning: public.users has a column disabled that meshsso.users does not read. Drop the view and run `meshsso migrate up`, or redefine it.';
  end if;
end
$fn$;
-- +goose StatementEnd

-- +goose Down
-- No CASCADE: what others built on our views stops this, with their names. The platform's tables are not ours.
drop view if exists meshsso.device_links;
drop view if exists meshsso.agents;
drop view if exists meshsso.tenants;
drop view if exists meshsso.users;
drop function meshsso.bind_platform();
drop function meshsso.bind_view(text, text, jsonb);
drop function meshsso.view_state(text);
drop function meshsso.platform_column(regclass, name, text);
drop function meshsso.node_key(text);
