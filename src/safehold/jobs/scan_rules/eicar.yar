// The test string that every scanner finds and that harms nobody.
// Source: EICAR, "Anti-Malware Testfile". Kept in two parts, so that no scanner finds it here.
rule EICAR_Test_File
{
    meta:
        description = "EICAR anti-malware test file"
    strings:
        $head = "X5O!P%@AP[4\\PZX54(P^)7CC)7}"
        $tail = "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    condition:
        for any i in (1..#head) : ($tail at @head[i] + !head[i])
}
