BEGIN TRANSACTION;
CREATE TABLE annotations (
	project_id INTEGER NOT NULL, 
	annotation_id INTEGER NOT NULL, 
	task_id INTEGER NOT NULL, 
	result JSON NOT NULL, 
	skipped BOOLEAN NOT NULL, 
	ground_truth BOOLEAN NOT NULL, 
	annotator INTEGER NOT NULL, 
	updated_at VARCHAR(40) NOT NULL, 
	PRIMARY KEY (project_id, annotation_id), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
);
INSERT INTO "annotations" VALUES(1,101,1,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}]',0,0,1,'2026-11-24T12:00:00Z');
INSERT INTO "annotations" VALUES(1,102,2,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}]',0,0,1,'2026-11-24T12:00:00Z');
INSERT INTO "annotations" VALUES(1,103,3,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}]',0,0,1,'2026-11-24T12:00:00Z');
INSERT INTO "annotations" VALUES(1,104,4,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}]',0,0,1,'2026-11-24T12:00:00Z');
INSERT INTO "annotations" VALUES(1,105,5,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}]',0,0,1,'2026-11-24T12:00:00Z');
INSERT INTO "annotations" VALUES(1,106,6,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}]',0,0,1,'2026-11-24T12:00:00Z');
INSERT INTO "annotations" VALUES(1,107,7,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}]',0,0,1,'2026-11-24T12:00:00Z');
INSERT INTO "annotations" VALUES(1,108,8,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}]',0,0,1,'2026-11-24T12:00:00Z');
CREATE TABLE projects (
	id INTEGER NOT NULL, 
	address VARCHAR(500) NOT NULL, 
	studio_id INTEGER NOT NULL, 
	created INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	label_config TEXT NOT NULL, 
	control TEXT NOT NULL, 
	data_key TEXT NOT NULL, 
	skip_queue VARCHAR(40) NOT NULL, 
	token TEXT, 
	offered_token TEXT, 
	connected BOOLEAN NOT NULL, 
	former JSON, 
	order_note TEXT NOT NULL, 
	events INTEGER NOT NULL, 
	last_event_at DOUBLE NOT NULL, 
	train_asked_at DOUBLE NOT NULL, 
	due_at DOUBLE NOT NULL, 
	retry_at DOUBLE NOT NULL, 
	failures INTEGER NOT NULL, 
	lease_owner VARCHAR(100), 
	lease_until DOUBLE NOT NULL, 
	fence INTEGER NOT NULL, 
	"plan" JSON, 
	plan_total INTEGER NOT NULL, 
	pass_number INTEGER NOT NULL, 
	pass_finished_at DOUBLE NOT NULL, 
	pass_wanted BOOLEAN NOT NULL, 
	cursor DOUBLE NOT NULL, 
	next_row INTEGER NOT NULL, 
	inputs_key VARCHAR(200) NOT NULL, 
	progress JSON, 
	error TEXT NOT NULL, 
	error_at DOUBLE NOT NULL, 
	registered_at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (address, studio_id, created)
);
INSERT INTO "projects" VALUES(1,'http://localhost:8080',7,1000,'Animals','<View><Image name="image" value="$image"/><Choices name="label" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices></View>','label','image','REQUEUE_FOR_OTHERS',NULL,NULL,1,'{"sampling": "Sequential sampling", "model_version": ""}','',1,0.0,0.0,2000000000.0,0.0,0,NULL,0.0,1,NULL,0,0,0.0,0,0.0,20,'small_cnn-16','null','',0.0,1.79553311402240896223e+09);
CREATE TABLE queues (
	id INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	round_id INTEGER NOT NULL, 
	version VARCHAR(100) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	task_ids JSON NOT NULL, 
	created_at DOUBLE NOT NULL, 
	active_at DOUBLE, 
	superseded_at DOUBLE, 
	PRIMARY KEY (id), 
	UNIQUE (project_id, version), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(round_id) REFERENCES rounds (id)
);
INSERT INTO "queues" VALUES(1,1,1,'fishermask-1','active','[18, 16, 10, 14, 12, 13]',1.79553312131178236009e+09,1.79553312131473898887e+09,NULL);
CREATE TABLE rounds (
	id INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	acquisition VARCHAR(20) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	labels INTEGER NOT NULL, 
	pool INTEGER NOT NULL, 
	classes JSON NOT NULL, 
	likelihood VARCHAR(20) NOT NULL, 
	inputs_key VARCHAR(200) NOT NULL, 
	weights TEXT, 
	scorer TEXT, 
	triggered_at DOUBLE NOT NULL, 
	started_at DOUBLE NOT NULL, 
	computed_at DOUBLE NOT NULL, 
	active_at DOUBLE, 
	seconds JSON NOT NULL, 
	notes JSON NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (project_id, number), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
);
INSERT INTO "rounds" VALUES(1,1,1,'fishermask','active',8,19,'["cat", "dog"]','categorical','small_cnn-16','projects/1/round-1.safetensors','projects/1/round-1-scorer.safetensors',1.79553311402240896223e+09,1.79553311405708527562e+09,1.79553312130011439324e+09,1.79553312131787681576e+09,'{"read": 0.005, "train": 5.641, "mask": 0.516, "select": 1.056, "save": 0.025}','[]');
CREATE TABLE score_requests (
	project_id INTEGER NOT NULL, 
	task_id INTEGER NOT NULL, 
	requested_at DOUBLE NOT NULL, 
	PRIMARY KEY (project_id, task_id), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
);
CREATE TABLE scores (
	round_id INTEGER NOT NULL, 
	task_id INTEGER NOT NULL, 
	score DOUBLE NOT NULL, 
	gain DOUBLE NOT NULL, 
	probabilities BLOB, 
	PRIMARY KEY (round_id, task_id), 
	FOREIGN KEY(round_id) REFERENCES rounds (id)
);
INSERT INTO "scores" VALUES(1,1,1.0,0.0,X'0000803FFDF91B31');
INSERT INTO "scores" VALUES(1,2,1.0,0.0,X'09A1A933FEFF7F3F');
INSERT INTO "scores" VALUES(1,3,1.0,0.0,X'0000803F7F40D630');
INSERT INTO "scores" VALUES(1,4,1.0,0.0,X'03A2A133FEFF7F3F');
INSERT INTO "scores" VALUES(1,5,1.0,0.0,X'0000803FFC6CC430');
INSERT INTO "scores" VALUES(1,6,1.0,0.0,X'04040F34FEFF7F3F');
INSERT INTO "scores" VALUES(1,7,1.0,0.0,X'0000803FBA8FB430');
INSERT INTO "scores" VALUES(1,8,1.0,0.0,X'D836EC33FEFF7F3F');
INSERT INTO "scores" VALUES(1,9,0.7,5.01220259852781338527e-11,X'0000803FAF93A630');
INSERT INTO "scores" VALUES(1,10,1.66666666666666657414e-01,2.00635420340460430828e-07,X'FB56BB33FEFF7F3F');
INSERT INTO "scores" VALUES(1,11,0.5,7.60635213978211713325e-11,X'0000803F98350531');
INSERT INTO "scores" VALUES(1,12,3.33333333333333314829e-01,1.84469712945123542405e-07,X'918DAA33FEFF7F3F');
INSERT INTO "scores" VALUES(1,13,4.1666666666666668517e-01,7.95352560926935676531e-11,X'0000803F1F7B0A31');
INSERT INTO "scores" VALUES(1,14,0.25,1.97960908574406756156e-07,X'A52EB833FEFF7F3F');
INSERT INTO "scores" VALUES(1,15,0.9,3.67489120006744829035e-11,X'0000803F9D716C30');
INSERT INTO "scores" VALUES(1,16,8.33333333333333287074e-02,2.14020700040786e-07,X'F75AC933FEFF7F3F');
INSERT INTO "scores" VALUES(1,17,0.8,4.68150826101768527225e-11,X'0000803F713B9A30');
INSERT INTO "scores" VALUES(1,18,0.0,2.76704415716620430064e-07,X'89E70634FEFF7F3F');
INSERT INTO "scores" VALUES(1,19,0.6,5.46897322493222e-11,X'0000803FA96CB730');
CREATE TABLE tasks (
	project_id INTEGER NOT NULL, 
	task_id INTEGER NOT NULL, 
	image TEXT NOT NULL, 
	seen_pass INTEGER NOT NULL, 
	"row" INTEGER, 
	image_error TEXT, 
	image_tries INTEGER NOT NULL, 
	image_retry_at DOUBLE NOT NULL, 
	shuffle DOUBLE NOT NULL, 
	annotated BOOLEAN NOT NULL, 
	skipped_by JSON, 
	answer TEXT, 
	tied BOOLEAN NOT NULL, 
	trained TEXT, 
	PRIMARY KEY (project_id, task_id), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
);
INSERT INTO "tasks" VALUES(1,1,'/data/1.png',0,0,NULL,0,0.0,8.44421851525048117181e-01,1,NULL,'["cat"]',0,'["cat"]');
INSERT INTO "tasks" VALUES(1,2,'/data/2.png',0,1,NULL,0,0.0,7.57954402940302474078e-01,1,NULL,'["dog"]',0,'["dog"]');
INSERT INTO "tasks" VALUES(1,3,'/data/3.png',0,2,NULL,0,0.0,0.420571580830845,1,NULL,'["cat"]',0,'["cat"]');
INSERT INTO "tasks" VALUES(1,4,'/data/4.png',0,3,NULL,0,0.0,2.58916750292963349089e-01,1,NULL,'["dog"]',0,'["dog"]');
INSERT INTO "tasks" VALUES(1,5,'/data/5.png',0,4,NULL,0,0.0,5.11274721368608520144e-01,1,NULL,'["cat"]',0,'["cat"]');
INSERT INTO "tasks" VALUES(1,6,'/data/6.png',0,5,NULL,0,0.0,4.0493413745041428875e-01,1,NULL,'["dog"]',0,'["dog"]');
INSERT INTO "tasks" VALUES(1,7,'/data/7.png',0,6,NULL,0,0.0,7.83798589034772619221e-01,1,NULL,'["cat"]',0,'["cat"]');
INSERT INTO "tasks" VALUES(1,8,'/data/8.png',0,7,NULL,0,0.0,3.03312726078927452633e-01,1,NULL,'["dog"]',0,'["dog"]');
INSERT INTO "tasks" VALUES(1,9,'/data/9.png',0,8,NULL,0,0.0,4.76596954152355811729e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,10,'/data/10.png',0,9,NULL,0,0.0,5.83382039455031198293e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,11,'/data/11.png',0,10,NULL,0,0.0,9.08112885195335173271e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,12,'/data/12.png',0,11,NULL,0,0.0,5.04686855817390256362e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,13,'/data/13.png',0,12,NULL,0,0.0,2.81837844399703829623e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,14,'/data/14.png',0,13,NULL,0,0.0,7.55804204157223935567e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,15,'/data/15.png',0,14,NULL,0,0.0,6.18368996675331628054e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,16,'/data/16.png',0,15,NULL,0,0.0,2.50506341362440543285e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,17,'/data/17.png',0,16,NULL,0,0.0,9.09746255968240102873e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,18,'/data/18.png',0,17,NULL,0,0.0,9.82785476037653094039e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,19,'/data/19.png',0,18,NULL,0,0.0,8.10217235996589568713e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,20,'/data/20.png',0,NULL,NULL,0,0.0,9.02165950439582697839e-01,0,NULL,NULL,0,NULL);
CREATE INDEX ix_projects_due_at ON projects (due_at);
CREATE INDEX ix_tasks_row ON tasks (project_id, "row");
CREATE INDEX ix_annotations_task ON annotations (project_id, task_id);
CREATE INDEX ix_rounds_project_id ON rounds (project_id);
CREATE INDEX ix_queues_round_id ON queues (round_id);
CREATE INDEX ix_queues_project_id ON queues (project_id);
COMMIT;
