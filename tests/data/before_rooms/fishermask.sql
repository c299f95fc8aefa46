BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
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
INSERT INTO "annotations" VALUES(1,109,9,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}]',0,0,1,'2026-11-24T12:00:00Z');
INSERT INTO "annotations" VALUES(1,110,10,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}]',0,0,1,'2026-11-24T12:00:00Z');
INSERT INTO "annotations" VALUES(1,111,11,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}]',0,0,1,'2026-11-24T12:00:00Z');
INSERT INTO "annotations" VALUES(1,112,12,'[{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}]',0,0,1,'2026-11-24T12:00:00Z');
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
	registered_at DOUBLE NOT NULL, errors JSON, 
	PRIMARY KEY (id), 
	UNIQUE (address, studio_id, created)
);
INSERT INTO "projects" VALUES(1,'http://localhost:8080',7,1000,'Animals','<View><Image name="image" value="$image"/><Choices name="label" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices></View>','label','image','REQUEUE_FOR_OTHERS',NULL,NULL,1,'{"sampling": "Sequential sampling", "model_version": "", "set": true}','',1,0.0,0.0,2000000000.0,0.0,0,NULL,0.0,1,NULL,0,0,0.0,0,0.0,24,'efficientnet_lite0-head-4ba9d220775d-32','null','',0.0,1.79586384498540186879e+09,NULL);
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
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(round_id) REFERENCES rounds (id), 
	UNIQUE (project_id, version)
);
INSERT INTO "queues" VALUES(1,1,1,'fishermask-1','active','[9, 17, 15, 19, 10, 21]',1.79586384546061062815e+09,1.79586384546213841443e+09,NULL);
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
	notes JSON NOT NULL, checked INTEGER DEFAULT '0' NOT NULL, agreed INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	UNIQUE (project_id, number)
);
INSERT INTO "rounds" VALUES(1,1,1,'fishermask','active',8,23,'["cat", "dog"]','categorical','efficientnet_lite0-head-4ba9d220775d-32','projects/1/round-1.1.safetensors','projects/1/round-1.1-scorer.safetensors',1.79586384498540186879e+09,1.7958638452435922622e+09,1.79586384544902920726e+09,1795863845.46422,'{"read": 0.005, "train": 0.165, "mask": 0.009, "select": 0.019, "order": 0.002, "save": 0.005}','[]',0,0);
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
INSERT INTO "scores" VALUES(1,1,1.0,0.0,X'E9D2613FB868F13D');
INSERT INTO "scores" VALUES(1,2,1.0,0.0,X'F5A2983E86AE333F');
INSERT INTO "scores" VALUES(1,3,1.0,0.0,X'F6F67E3F7385843B');
INSERT INTO "scores" VALUES(1,4,1.0,0.0,X'3ABE3B3E7110513F');
INSERT INTO "scores" VALUES(1,5,1.0,0.0,X'FEEA133F032AD83E');
INSERT INTO "scores" VALUES(1,6,1.0,0.0,X'519E713D1BE6703F');
INSERT INTO "scores" VALUES(1,7,1.0,0.0,X'C7F17F3FC5846339');
INSERT INTO "scores" VALUES(1,8,1.0,0.0,X'270F1B3CC3937D3F');
INSERT INTO "scores" VALUES(1,9,0.0,4.25791918441984229559e+00,X'B881113F91FCDC3E');
INSERT INTO "scores" VALUES(1,10,3.33333333333333314829e-01,1.94797237900270342469e-01,X'549A123E6B595B3F');
INSERT INTO "scores" VALUES(1,11,5.55555555555555580227e-01,1.02105413317178622678e-01,X'2C5AE53EEB520D3F');
INSERT INTO "scores" VALUES(1,12,6.66666666666666629659e-01,8.99837194767211800972e-02,X'A0FFA13D0DC06B3F');
INSERT INTO "scores" VALUES(1,13,7.77777777777777790113e-01,8.52156694028621264358e-02,X'4BA15C3EACD7483F');
INSERT INTO "scores" VALUES(1,14,0.5,1.10801271413404761601e-01,X'1707483E3BFE4D3F');
INSERT INTO "scores" VALUES(1,15,1.66666666666666657414e-01,3.32515910011824900038e-01,X'70202B3EE337553F');
INSERT INTO "scores" VALUES(1,16,7.22222222222222209886e-01,8.9269689715306188571e-02,X'8E8E9D3EB938313F');
INSERT INTO "scores" VALUES(1,17,8.33333333333333287074e-02,1.9313334143896210282e+00,X'0826F43EFDEC053F');
INSERT INTO "scores" VALUES(1,18,6.11111111111111160454e-01,1.01183457304740709314e-01,X'CE6E093E4CA45D3F');
INSERT INTO "scores" VALUES(1,19,0.25,2.57479190449502293169e-01,X'A15AE53EAF520D3F');
INSERT INTO "scores" VALUES(1,20,8.33333333333333259318e-01,5.65916569111508255263e-02,X'7D14533DB8CE723F');
INSERT INTO "scores" VALUES(1,21,4.1666666666666668517e-01,1.38469588914936159174e-01,X'C63A253F738AB53E');
INSERT INTO "scores" VALUES(1,22,9.44444444444444419772e-01,1.84370072763686658479e-02,X'FBD0A53B5EB47E3F');
INSERT INTO "scores" VALUES(1,23,8.88888888888888839545e-01,4.00556824463197957975e-02,X'6C3C773F47390C3D');
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
INSERT INTO "tasks" VALUES(1,9,'/data/9.png',0,8,NULL,0,0.0,4.76596954152355811729e-01,1,NULL,'["cat"]',0,NULL);
INSERT INTO "tasks" VALUES(1,10,'/data/10.png',0,9,NULL,0,0.0,5.83382039455031198293e-01,1,NULL,'["dog"]',0,NULL);
INSERT INTO "tasks" VALUES(1,11,'/data/11.png',0,10,NULL,0,0.0,9.08112885195335173271e-01,1,NULL,'["cat"]',0,NULL);
INSERT INTO "tasks" VALUES(1,12,'/data/12.png',0,11,NULL,0,0.0,5.04686855817390256362e-01,1,NULL,'["dog"]',0,NULL);
INSERT INTO "tasks" VALUES(1,13,'/data/13.png',0,12,NULL,0,0.0,2.81837844399703829623e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,14,'/data/14.png',0,13,NULL,0,0.0,7.55804204157223935567e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,15,'/data/15.png',0,14,NULL,0,0.0,6.18368996675331628054e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,16,'/data/16.png',0,15,NULL,0,0.0,2.50506341362440543285e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,17,'/data/17.png',0,16,NULL,0,0.0,9.09746255968240102873e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,18,'/data/18.png',0,17,NULL,0,0.0,9.82785476037653094039e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,19,'/data/19.png',0,18,NULL,0,0.0,8.10217235996589568713e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,20,'/data/20.png',0,19,NULL,0,0.0,9.02165950439582697839e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,21,'/data/21.png',0,20,NULL,0,0.0,3.10147569319332627735e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,22,'/data/22.png',0,21,NULL,0,0.0,7.29831748260128643224e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,23,'/data/23.png',0,22,NULL,0,0.0,8.98838287967993476712e-01,0,NULL,NULL,0,NULL);
INSERT INTO "tasks" VALUES(1,24,'/data/24.png',0,NULL,NULL,0,0.0,6.8398393191544126779e-01,0,NULL,NULL,0,NULL);
CREATE INDEX ix_projects_due_at ON projects (due_at);
CREATE INDEX ix_annotations_task ON annotations (project_id, task_id);
CREATE INDEX ix_rounds_project_id ON rounds (project_id);
CREATE INDEX ix_tasks_row ON tasks (project_id, "row");
CREATE INDEX ix_queues_project_id ON queues (project_id);
CREATE INDEX ix_queues_round_id ON queues (round_id);
COMMIT;
