"""The calls that are asked and answered once: keys, leases, the cluster of one and its upkeep."""

from __future__ import annotations

from master.store.contract import LeaseNotFoundError, Store, Txn
from master.store.etcd_api import rpc_pb2 as pb
from master.store.etcd_api.answers import RAFT_TERM, Member, delete_answer, put_answer, range_answer, txn_answer
from master.store.etcd_api.refusals import AUTH_NOT_ENABLED, LEASE_TOO_LONG
from master.store.etcd_api.requests import check_size, delete_of, put_of, range_of, txn_of

# What etcd's clients may rely on when they look at the version (etcd 3.4's API and its answers).
VERSION = "3.4.23"
MAX_TTL = 9_000_000_000


class Calls:
    def __init__(self, store: Store, member: Member) -> None:
        self._store = store
        self._member = member

    def header(self, revision: int = 0) -> pb.ResponseHeader:
        return self._member.header(revision or self._store.revision)

    async def range(self, request: pb.RangeRequest) -> pb.RangeResponse:
        result = await self._store.range(range_of(request))
        answer = range_answer(request, result)
        answer.header.CopyFrom(self.header(result.revision))
        return answer

    async def put(self, request: pb.PutRequest) -> pb.PutResponse:
        check_size(request.ByteSize())
        result = await self._store.txn(Txn((), [put_of(request)]))
        answer = put_answer(result.results[0])  # type: ignore[arg-type]
        answer.header.CopyFrom(self.header(result.revision))
        return answer

    async def delete_range(self, request: pb.DeleteRangeRequest) -> pb.DeleteRangeResponse:
        result = await self._store.txn(Txn((), [delete_of(request)]))
        answer = delete_answer(result.results[0])  # type: ignore[arg-type]
        answer.header.CopyFrom(self.header(result.revision))
        return answer

    async def txn(self, request: pb.TxnRequest) -> pb.TxnResponse:
        check_size(request.ByteSize())
        result = await self._store.txn(txn_of(request))
        answer = txn_answer(request, result)
        answer.header.CopyFrom(self.header(result.revision))
        return answer

    async def compact(self, request: pb.CompactionRequest) -> pb.CompactionResponse:
        await self._store.compact(request.revision)
        return pb.CompactionResponse(header=self.header())

    async def lease_grant(self, request: pb.LeaseGrantRequest) -> pb.LeaseGrantResponse:
        if request.TTL > MAX_TTL:
            raise LEASE_TOO_LONG
        ttl = max(1, request.TTL)
        lease = await self._store.lease_grant(ttl, request.ID)
        return pb.LeaseGrantResponse(header=self.header(), ID=lease, TTL=ttl)

    async def lease_revoke(self, request: pb.LeaseRevokeRequest) -> pb.LeaseRevokeResponse:
        await self._store.lease_revoke(request.ID)
        return pb.LeaseRevokeResponse(header=self.header())

    async def lease_keep_alive(self, request: pb.LeaseKeepAliveRequest) -> pb.LeaseKeepAliveResponse:
        """A lease that is gone is answered with a ttl of 0."""
        try:
            ttl = await self._store.lease_keepalive(request.ID)
        except LeaseNotFoundError:
            ttl = 0
        return pb.LeaseKeepAliveResponse(header=self.header(), ID=request.ID, TTL=ttl)

    async def lease_time_to_live(self, request: pb.LeaseTimeToLiveRequest) -> pb.LeaseTimeToLiveResponse:
        """A lease that is gone is answered with a ttl of -1."""
        try:
            info = await self._store.lease_info(request.ID)
        except LeaseNotFoundError:
            return pb.LeaseTimeToLiveResponse(header=self.header(), ID=request.ID, TTL=-1)
        return pb.LeaseTimeToLiveResponse(
            header=self.header(),
            ID=request.ID,
            TTL=info.remaining,
            grantedTTL=info.ttl,
            keys=info.keys if request.keys else (),
        )

    async def lease_leases(self, _: pb.LeaseLeasesRequest) -> pb.LeaseLeasesResponse:
        leases = [pb.LeaseStatus(ID=lease) for lease in await self._store.leases()]
        return pb.LeaseLeasesResponse(header=self.header(), leases=leases)

    async def member_list(self, _: pb.MemberListRequest) -> pb.MemberListResponse:
        alone = pb.Member(ID=self._member.member, name=self._member.name, clientURLs=self._member.client_urls)
        return pb.MemberListResponse(header=self.header(), members=[alone])

    async def status(self, _: pb.StatusRequest) -> pb.StatusResponse:
        status, revision = await self._store.status(), self._store.revision
        return pb.StatusResponse(
            header=self.header(revision),
            version=VERSION,
            dbSize=status.size,
            dbSizeInUse=status.in_use,
            leader=self._member.member,
            raftIndex=revision,
            raftAppliedIndex=revision,
            raftTerm=RAFT_TERM,
        )

    async def alarm(self, _: pb.AlarmRequest) -> pb.AlarmResponse:
        """There are never any: a full disk is told to the one whose write it refuses."""
        return pb.AlarmResponse(header=self.header())

    async def defragment(self, _: pb.DefragmentRequest) -> pb.DefragmentResponse:
        await self._store.defragment()
        return pb.DefragmentResponse(header=self.header())

    async def auth_status(self, _: pb.AuthStatusRequest) -> pb.AuthStatusResponse:
        return pb.AuthStatusResponse(header=self.header(), enabled=False)

    async def authenticate(self, _: pb.Refused) -> pb.Refused:
        raise AUTH_NOT_ENABLED
