// The main job through AWS's own client for JavaScript. Reads its endpoint and keys from the environment, the rest
// from the arguments: RESOURCE_ARN ROLE_ARN. Prints what it saw as one JSON document.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import {
  BackupClient, CreateBackupPlanCommand, CreateBackupSelectionCommand, CreateBackupVaultCommand,
  DeleteBackupPlanCommand, DeleteBackupSelectionCommand, DescribeBackupJobCommand, DescribeRestoreJobCommand,
  GetBackupPlanCommand, InvalidRequestException, DeleteBackupVaultCommand, ListTagsCommand,
  ResourceNotFoundException, StartBackupJobCommand, StartRestoreJobCommand, TagResourceCommand,
  UntagResourceCommand, paginateListBackupVaults, paginateListRecoveryPointsByBackupVault,
} from "@aws-sdk/client-backup";

const [resource, role] = process.argv.slice(2);
const client = new BackupClient({});
const DEADLINE = Date.now() + 120_000;

async function ended(command, member) {
  for (;;) {
    const job = await client.send(command);
    if (["COMPLETED", "FAILED", "ABORTED", "EXPIRED", "PARTIAL"].includes(job[member])) return job;
    assert.ok(Date.now() < DEADLINE, `still ${job[member]}`);
    await pause(200);
  }
}

async function paged(pages, member) {
  const found = [];
  for await (const page of pages) found.push(...page[member]);
  return found;
}

const vault = { BackupVaultName: "javascript" };
const made = await client.send(new CreateBackupVaultCommand({ ...vault, BackupVaultTags: { a: "b" } }));
assert.ok(made.CreationDate instanceof Date);
const tagged = { ResourceArn: made.BackupVaultArn };
await client.send(new TagResourceCommand({ ...tagged, Tags: { "läuft": "täglich", c: "d" } }));
await client.send(new UntagResourceCommand({ ...tagged, TagKeyList: ["c"] }));
assert.deepEqual((await client.send(new ListTagsCommand(tagged))).Tags, { a: "b", "läuft": "täglich" });

const rule = {
  RuleName: "nightly", TargetBackupVaultName: "javascript", ScheduleExpression: "cron(0 2 * * ? *)",
  Lifecycle: { DeleteAfterDays: 35 },
};
const plan = await client.send(
  new CreateBackupPlanCommand({ BackupPlan: { BackupPlanName: "javascript", Rules: [rule] } }),
);
const ofPlan = { BackupPlanId: plan.BackupPlanId };
const shown = await client.send(new GetBackupPlanCommand(ofPlan));
assert.equal(shown.BackupPlan.Rules[0].Lifecycle.DeleteAfterDays, 35);
const selection = await client.send(
  new CreateBackupSelectionCommand({
    ...ofPlan, BackupSelection: { SelectionName: "one", IamRoleArn: role, Resources: [resource] },
  }),
);

for (let number = 0; number < 2; number++) {
  const started = await client.send(
    new StartBackupJobCommand({ ...vault, ResourceArn: resource, IamRoleArn: role }),
  );
  const job = await ended(new DescribeBackupJobCommand({ BackupJobId: started.BackupJobId }), "State");
  assert.equal(job.State, "COMPLETED", job.StatusMessage);
}
const points = await paged(
  paginateListRecoveryPointsByBackupVault({ client, pageSize: 1 }, vault), "RecoveryPoints",
);
assert.equal(points.length, 2);
const vaults = await paged(paginateListBackupVaults({ client, pageSize: 1 }, {}), "BackupVaultList");

const restore = await client.send(
  new StartRestoreJobCommand({
    RecoveryPointArn: points[0].RecoveryPointArn, IamRoleArn: role,
    Metadata: { newFileSystem: "true", CreationToken: "javascript" },
  }),
);
const restored = await ended(new DescribeRestoreJobCommand({ RestoreJobId: restore.RestoreJobId }), "Status");
assert.equal(restored.Status, "COMPLETED", restored.StatusMessage);

const unknown = new GetBackupPlanCommand({ BackupPlanId: "00000000-0000-0000-0000-000000000000" });
await assert.rejects(client.send(unknown), (error) => {
  assert.ok(error instanceof ResourceNotFoundException);
  assert.equal(error.name, "ResourceNotFoundException");
  assert.equal(error.$metadata.httpStatusCode, 400);
  assert.ok(error.message.length > 10);
  return true;
});
await assert.rejects(client.send(new DeleteBackupVaultCommand(vault)), InvalidRequestException);
await client.send(new DeleteBackupSelectionCommand({ ...ofPlan, SelectionId: selection.SelectionId }));
await client.send(new DeleteBackupPlanCommand(ofPlan));
console.log(JSON.stringify({ vaults: vaults.map((each) => each.BackupVaultName), points: points.length }));
