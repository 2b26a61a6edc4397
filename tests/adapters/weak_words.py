"""Words on revocation that SHA-1 alone vouches for: `cryptography` makes them no more, and still believes some."""

from __future__ import annotations

from asn1crypto import algos
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

SHA1 = algos.SignedDigestAlgorithm({"algorithm": "sha1_ecdsa"})


def weak_answer(der: bytes, by: ec.EllipticCurvePrivateKey) -> bytes:
    """The answer signed by SHA-1, with all that it says."""
    basic = asn1_ocsp.OCSPResponse.load(der)["response_bytes"]["response"].parsed
    said = basic["tbs_response_data"]
    signature = by.sign(said.dump(), ec.ECDSA(hashes.SHA1()))
    weak = asn1_ocsp.BasicOCSPResponse(
        {"tbs_response_data": said, "signature_algorithm": SHA1, "signature": signature}
    )
    whole = {"response_type": "basic_ocsp_response", "response": weak}
    return bytes(asn1_ocsp.OCSPResponse({"response_status": "successful", "response_bytes": whole}).dump())


def weak_list(der: bytes, by: ec.EllipticCurvePrivateKey) -> bytes:
    """The list of revoked certificates, alike."""
    listed = asn1_crl.CertificateList.load(der)
    listed["tbs_cert_list"]["signature"] = listed["signature_algorithm"] = SHA1
    said = listed["tbs_cert_list"].dump(force=True)
    listed["signature"] = by.sign(said, ec.ECDSA(hashes.SHA1()))
    return bytes(listed.dump(force=True))
