-- The device groups of a MeshCentral without the shim, whose ids MeshCentral chooses: one a tenant, remembered here.

-- +goose Up

create table meshsso.device_groups (
  tenant_id  uuid primary key,
  mesh_id    text not null unique check (mesh_id ~ '^mesh/[^/]*/[A-Za-z0-9@$]{64}$'),
  created_at timestamptz not null default now()
);
comment on table meshsso.device_groups is 'MeshCentral''s device group of each tenant, where the service account made it';

-- +goose Down

drop table meshsso.device_groups;
