-- A session of somebody whose token a claims mapping read remembers the token's issuer and verified claims (not the token): when
-- the person is judged anew, the rules of that moment are asked about them. Empty for the built-in mapping.

-- +goose Up

-- +goose StatementBegin
do $do$
declare
  want record;
  have text;
begin
  -- json and not jsonb: a claim may hold what jsonb refuses (U+0000), and nobody looks inside.
  for want in select * from (values ('jwt_issuer', 'text'), ('jwt_claims', 'json')) v(col, typ) loop
    select format_type(atttypid, atttypmod) into have from pg_attribute
     where attrelid = 'public.meshcentral_sessions'::regclass and attname = want.col and attnum > 0 and not attisdropped;
    if have is not null then
      raise exception 'public.meshcentral_sessions cannot be upgraded: it has a column % of its own', want.col
        using hint = 'rename that column, then run: meshsso migrate up';
    end if;
    execute format('alter table public.meshcentral_sessions add column %I %s', want.col, want.typ);
    update meshsso.session_table set added = added || want.col;
  end loop;
end
$do$;
-- +goose StatementEnd
comment on column public.meshcentral_sessions.jwt_issuer is 'Name of the further issuer of meshsso.yaml whose token it was.';
comment on column public.meshcentral_sessions.jwt_claims is 'Verified claims of the token, where a claims mapping needs them.';

-- +goose Down

-- An older service would judge these people by the built-in rule, which their issuers are not held to: the sessions end.
-- +goose StatementBegin
do $do$
begin
  if to_regclass('public.meshcentral_sessions') is not null then
    update public.meshcentral_sessions set ended_at = now(), end_reason = 'revoked'
     where ended_at is null and (jwt_issuer is not null or jwt_claims is not null or jwt_key > 2);
    alter table public.meshcentral_sessions drop column jwt_issuer, drop column jwt_claims;
  end if;
end
$do$;
-- +goose StatementEnd
update meshsso.session_table set added = array_remove(array_remove(added, 'jwt_issuer'), 'jwt_claims');
