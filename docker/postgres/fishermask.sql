-- The backend's database beside Label Studio's.
CREATE DATABASE fishermask;
