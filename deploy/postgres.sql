-- Run once, by the superuser, on a new server: the two databases, each with an owner of its own who is nobody else.
-- Passwords come from the files that PIPELINE_PASSWORD_FILE and DAGSTER_PASSWORD_FILE name.
\set ON_ERROR_STOP on
\set pipeline_password `cat "$PIPELINE_PASSWORD_FILE"`
\set dagster_password `cat "$DAGSTER_PASSWORD_FILE"`

-- Readers are made by the superuser: who may make roles could make one that reads Dagster's history too.
create role reader nologin;
create role spotify_pipeline login nocreaterole password :'pipeline_password';
create role dagster login nocreaterole password :'dagster_password';

create database spotify owner spotify_pipeline;
create database dagster owner dagster;
revoke all on database spotify, dagster, postgres from public;
grant connect on database spotify to reader;
